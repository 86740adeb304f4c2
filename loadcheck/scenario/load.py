"""Reads a scenario file; every mistake in it is found at once, each with file, line, column and suggestion."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from loadcheck.scenario.checks import check
from loadcheck.scenario.document import Document
from loadcheck.scenario.files import AS_FILE_HINT, missing_file_hint
from loadcheck.scenario.hunting import with_hunting_phases
from loadcheck.scenario.mistakes import report, report_contradictions
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.overrides import override
from loadcheck.scenario.parts import Parts
from loadcheck.scenario.problems import Place, Problem, Problems, ScenarioError
from loadcheck.scenario.reader import read
from loadcheck.scenario.redaction import redacted_yaml
from loadcheck.scenario.regular import NotAFileError, read_file
from loadcheck.scenario.target import Target

_MAX_BYTES: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A scenario without mistakes, and where it came from.

    Attributes:
        scenario: What it says.
        path: The file, as the user named it.
        embedded: Whether its target is its own stack.
    """

    scenario: Scenario
    path: Path
    _document: Document = field(repr=False)
    embedded: bool = False

    @property
    def folder(self) -> Path:
        """What the files that it names are relative to."""
        return self.path.parent / self.scenario.stack.folder

    @property
    def resolved(self) -> str:
        """The scenario as YAML: variables and options filled in, secrets taken out, defaults left out."""
        return redacted_yaml(self.scenario)

    @property
    def straight(self) -> bool:
        """Whether it is known that requests go to PostgREST itself, and to nothing before it."""
        return self.embedded and self.scenario.stack.gateway is None

    def aimed_at(self, target: Target, *, embedded: bool = False) -> "LoadedScenario":
        """Return the same scenario with another target.

        Args:
            target: What is tested.
            embedded: Whether that is the scenario's own stack.
        """
        return replace(self, scenario=self.scenario.model_copy(update={"target": target}), embedded=embedded)

    def hunting(self) -> "LoadedScenario":
        """Return the same scenario with the phases that hunting needs."""
        return replace(self, scenario=with_hunting_phases(self.scenario))

    def place(self, *loc: str | int, offset: int | None = None) -> Place:
        """Return where something is written, so that what only a server can tell is told at its line.

        Args:
            loc: Keys and list indexes, such as `"requests", 0, "expect", "rows"`.
            offset: A character of that text.
        """
        return self._document.place(loc, offset)


def load(
    path: Path,
    overrides: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> LoadedScenario:
    """Read a scenario.

    Args:
        path: The file.
        overrides: Values from the command line by dotted path, such as `load.steady.duration`.
        environ: What `${VAR}` stands for; the process's environment when None.

    Raises:
        ScenarioError: the file cannot be read or has mistakes.
    """
    problems = Problems()
    text = _text(path)
    document = read(text, str(path), os.environ if environ is None else environ, problems)
    if document is None:
        problems.raise_if_any()
        raise AssertionError("a document that cannot be read has a problem")
    document = override(document, overrides or {}, problems)
    scenario = _scenario(document, path.parent, problems)
    problems.raise_if_any()
    if scenario is None:
        raise AssertionError("a scenario that cannot be validated has a problem")
    return LoadedScenario(scenario, path, document)


def _scenario(document: Document, folder: Path, problems: Problems) -> Scenario | None:
    data: dict[str, Any] = document.root.plain
    scenario = None
    try:
        scenario = Scenario.model_validate(data, by_alias=True, by_name=False)
        parts = Parts.of(scenario)
    except ValidationError as error:
        malformed = report(error, document, problems)
        report_contradictions(data, malformed, document, problems)
        parts = Parts.salvaged(data, malformed)
    check(parts, document, folder / parts.stack.model.folder, problems)
    return scenario


def _text(path: Path) -> str:
    try:
        content = read_file(path, _MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unusable(path, "no such file", missing_file_hint(path)) from None
    except IsADirectoryError:
        raise _unusable(path, "a folder, not a scenario", "name the .yaml file in it") from None
    except NotAFileError as error:
        raise _unusable(path, f"{error.strerror}", AS_FILE_HINT) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not the name of a file"
        raise _unusable(path, f"cannot be read: {reason}") from None
    if len(content) > _MAX_BYTES:
        hint = "a scenario is not the place for data: let SQL give the rows and identities"
        raise _unusable(path, f"longer than {_MAX_BYTES // 10**6} MB", hint)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        place = Place(str(path), before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        raise ScenarioError([Problem(place, "not UTF-8", "save the file as UTF-8")]) from None


def _unusable(path: Path, message: str, hint: str = "") -> ScenarioError:
    return ScenarioError([Problem(Place(str(path)), message, hint)])
