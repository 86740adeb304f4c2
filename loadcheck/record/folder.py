"""The run folder: where everything of one run is kept."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final, Self

from loadcheck.errors import EnvironmentProblem, UsageProblem
from loadcheck.record.redact import hide_tokens

_REPORTS: Final = Path("reports")
_HISTORY: Final = "history.ndjson.gz"
_SERIES: Final = "series.ndjson"
_TRUTHS: Final = "truths.ndjson.gz"
_SUMMARY: Final = "summary.json"
_SCENARIO: Final = "scenario.yaml"
_LONGEST_NAME: Final = 60
_ADVICE: Final = "Make it writable, or name another folder with --out."


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run; each of its files is replaced as a whole, so no reader sees half of one.

    Attributes:
        path: Where it is.
        worker: Whose growing files are meant, from 1; None: those of the run itself.
    """

    path: Path
    worker: int | None = None

    @classmethod
    def create(cls, out: Path | None, scenario: str, started: float) -> Self:
        """Make the folder, and prove that it can be written to.

        Args:
            out: The folder; None for a new one in `reports/` of the working directory.
            scenario: Name of the scenario.
            started: When the run starts, in seconds since 1970.

        Raises:
            EnvironmentProblem: it cannot be made or written to.
            UsageProblem: `out` already holds a run, which is never overwritten.
        """
        path = _new_folder(_REPORTS / _folder_name(scenario, started)) if out is None else _given_folder(out)
        folder = cls(path)
        folder._prove_writable()
        return folder

    @property
    def history(self) -> Path:
        """Where the run's history goes."""
        return self._grown(_HISTORY)

    @property
    def series(self) -> Path:
        """Where the run's samples go."""
        return self._grown(_SERIES)

    @property
    def truths(self) -> Path:
        """Where the truths go by which its exchanges are judged."""
        return self._grown(_TRUTHS)

    def write_scenario(self, text: str) -> None:
        """Write scenario.yaml; the text is the scenario as resolved, its secrets already redacted."""
        self._write(_SCENARIO, text)

    def write_findings(self, findings: Sequence[Mapping[str, Any]]) -> None:
        """Write findings.json; again as often as there are new ones."""
        self._write("findings.json", _json(findings))

    def write_reproduction(self, files: Mapping[str, str]) -> None:
        """Write a finding's files, each at its path in the folder.

        Raises:
            EnvironmentProblem: one cannot be written.
        """
        for name, text in files.items():
            try:
                (self.path / name).parent.mkdir(exist_ok=True)
            except OSError as error:
                raise _unusable(self.path / name, error) from None
            self._write(name, text)

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write summary.json, which marks the run as complete."""
        self._write(_SUMMARY, _json(summary))

    def forget_unless_begun(self) -> None:
        """Remove the folder of a run that was refused before it had a history; one that holds anything else stays."""
        with suppress(OSError):
            if not self.history.exists():
                (self.path / _SCENARIO).unlink()
                self.path.rmdir()

    @property
    def workers(self) -> list[Self]:
        """The same folder for each worker that left a history in it, in order."""
        count = len(list(self.path.glob(_numbered(_HISTORY, "*"))))
        return [replace(self, worker=number) for number in range(1, count + 1)]

    def _grown(self, name: str) -> Path:
        return self.path / (name if self.worker is None else _numbered(name, self.worker))

    def _prove_writable(self) -> None:
        try:
            NamedTemporaryFile(dir=self.path, prefix=".loadcheck-").close()
        except OSError as error:
            raise _unusable(self.path, error) from None

    def _write(self, name: str, text: str) -> None:
        """Put a file into place in one step.

        Raises:
            EnvironmentProblem: it cannot be written, by lack of space for one.
        """
        draft = self.path / name
        draft = draft.with_name(f".{draft.name}.new")
        try:
            draft.write_bytes(hide_tokens(text).encode("utf-8", "replace"))
            draft.replace(self.path / name)
        except OSError as error:
            raise _unusable(self.path / name, error) from None


def _numbered(name: str, worker: int | str) -> str:
    stem, dot, endings = name.partition(".")
    return f"{stem}-{worker}{dot}{endings}"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"


def _folder_name(scenario: str, started: float) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", scenario)[:_LONGEST_NAME].strip(".-") or "run"
    return f"{name}-{datetime.fromtimestamp(started, UTC):%Y%m%dT%H%M%SZ}"


def _new_folder(wanted: Path) -> Path:
    for number in count(1):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not path.parent.is_dir():
                raise _unusable(path.parent, NotADirectoryError(0, "it is a file")) from None
        except OSError as error:
            raise _unusable(path, error) from None
        else:
            return path
    raise AssertionError("counting never ends")


def _given_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise _unusable(path, NotADirectoryError(0, "it is a file")) from None
    except OSError as error:
        raise _unusable(path, error) from None
    if any((path / name).exists() for name in (_HISTORY, _SERIES, _SUMMARY)):
        raise UsageProblem(
            f"{path} already holds a run, and a run is never overwritten",
            "Name another folder with --out, or remove that one.",
        )
    if (path / _SCENARIO).exists():
        raise UsageProblem(
            f"{path} holds a file {_SCENARIO}, in whose place the run would put its own",
            "Name another folder with --out, or move the file away.",
        )
    return path


def _unusable(path: Path, error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"the run folder cannot be used: {path}: {error.strerror or type(error).__name__}", _ADVICE
    )
