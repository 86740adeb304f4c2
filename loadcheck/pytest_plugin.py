"""A pytest plugin: scenario files are tests, and tests of your own can have a stack or a run.

pytest finds it by its entry point, and loads it whatever is tested: so nothing of loadcheck is imported before it is
needed.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from loadcheck.record.stored import StoredFinding
    from loadcheck.stack.holding import HeldStack

_FILES: Final = "loadcheck_files"
_DEFAULT: Final = ["*.loadcheck.yaml"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that has ended.

    Attributes:
        exit_code: What `loadcheck run` exited with.
        summary: Of its folder; empty where the run could not begin.
        findings: The same.
        folder: The run's.
        text: All that was printed.
    """

    exit_code: int
    summary: dict[str, Any]
    findings: "list[StoredFinding]"
    folder: Path
    text: str

    @property
    def story(self) -> str:
        """What a test that fails by it says: the verdict with its reasons, and a line for each finding."""
        from loadcheck.report.headlines import headline  # noqa: PLC0415 -- see the module

        if not self.summary:
            return self.text.strip()
        findings = (
            f"  {one['id']} {one['symptom']} ({one['cause']}), {one['count']:,} times: {headline(one)}"
            for one in self.findings
        )
        verdict = f"{self.summary['verdict']}: {'; '.join(self.summary['reasons'])}"
        return "\n".join([verdict, *findings, f"  run: {self.folder}"])


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a project say which files are scenarios."""
    parser.addini(_FILES, "scenario files that are tests, as patterns", type="args", default=_DEFAULT)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ScenarioFile | None":
    """Take scenario files."""
    if any(file_path.match(pattern) for pattern in parent.config.getini(_FILES)):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


class ScenarioFile(pytest.File):
    """A scenario file: one test."""

    def collect(self) -> Iterable[pytest.Item]:
        """Yield its only test."""
        yield ScenarioItem.from_parent(self, name="run")


class ScenarioItem(pytest.Item):
    """A scenario that is run: it passes when the run does."""

    def runtest(self) -> None:
        """Run it, against the target that it names, or on the embedded stack."""
        factory: pytest.TempPathFactory = self.config._tmp_path_factory  # type: ignore[attr-defined]  # noqa: SLF001 -- what tmp_path has
        result = _run(self.path, (), factory.mktemp("loadcheck") / "run")
        if result.exit_code:
            raise ScenarioFailure(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Tell the story in place of a traceback."""
        if isinstance(excinfo.value, ScenarioFailure):
            return excinfo.value.result.story
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the file."""
        return self.path, None, f"loadcheck: {self.path.name}"


class ScenarioFailure(Exception):
    """A scenario did not pass."""

    def __init__(self, result: RunResult) -> None:
        super().__init__(result.story)
        self.result = result


@pytest.fixture
def loadcheck_run(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., RunResult]:
    """Return what runs a scenario: its file, relative to the test's folder, and options of `loadcheck run`."""
    counted = iter(range(10**9))

    def run(scenario: str | Path, *options: str) -> RunResult:
        return _run(request.path.parent / scenario, options, tmp_path / f"loadcheck-run-{next(counted)}")

    return run


@pytest.fixture(scope="module")
def loadcheck_stack(request: pytest.FixtureRequest) -> Iterator[Callable[[str | Path], "HeldStack"]]:
    """Return what starts the embedded stack of a scenario, relative to the test's folder; it runs for the module."""
    from loadcheck.stack.holding import held  # noqa: PLC0415 -- see the module

    stacks: dict[Path, HeldStack] = {}
    with ExitStack() as running:

        def stack(scenario: str | Path) -> "HeldStack":
            path = request.path.parent / scenario
            if path not in stacks:
                stacks[path] = running.enter_context(held(path))
            return stacks[path]

        yield stack


def _run(scenario: Path, options: Iterable[str], folder: Path) -> RunResult:
    """Run in a process of its own: signals, event loops and memory stay what the tests expect."""
    from loadcheck.errors import UsageProblem  # noqa: PLC0415 -- see the module
    from loadcheck.record.stored_run import StoredRun  # noqa: PLC0415 -- see the module

    command = [sys.executable, "-m", "loadcheck", "run", str(scenario), "--out", str(folder), *options]
    done = subprocess.run(
        command, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True, check=False, cwd=scenario.parent
    )
    text = done.stdout + done.stderr
    try:
        stored = StoredRun.read(folder)
    except UsageProblem:
        return RunResult(done.returncode or 1, {}, [], folder, text)
    return RunResult(done.returncode, dict(stored.summary), stored.findings, folder, text)
