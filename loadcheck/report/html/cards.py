"""Findings as cards: what a person needs to understand one, put in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import orjson

from loadcheck.judge.verdict import Cause
from loadcheck.record.stored import StoredEvidence, StoredFinding, StoredIdentity
from loadcheck.report.curl import curl_lines, quoted
from loadcheck.report.figures import milliseconds, plural, times
from loadcheck.report.headlines import headline
from loadcheck.report.html.lanes import Lanes, Stay
from loadcheck.report.next_steps import MENDS
from loadcheck.report.program import program
from loadcheck.report.text import cut

_WIDTH: Final = 100  # cells of a command
_FILE: Final = 20_000  # characters of a file that is shown
_ROW: Final = 600  # cells of a row
_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """A row of an answer.

    Attributes:
        text: As JSON.
        mark: What is wrong with it, in words; empty for a row as it should be.
    """

    text: str
    mark: str


@dataclass(frozen=True, slots=True)
class Command:
    """Something to copy: what it is, and its text."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """One finding, in words.

    Attributes:
        id: Of the finding.
        facts: Label and text of each line of its story.
        mend: What to do against its cause; empty where that is not determined.
        expected: The first rows that should have come.
        received: The first rows that came; those that should not have are marked.
        steps: What led to it, one exchange a line; empty where the history does not tell.
        hidden: Whether they lack the exchange that the rows came from.
        commands: How to see it again.
        files: The files of its reproduction.
    """

    id: str
    symptom: str
    cause: str
    title: str
    facts: Sequence[tuple[str, str]]
    reasoning: Sequence[str]
    mend: str
    evidence: StoredEvidence
    expected: Sequence[Row]
    received: Sequence[Row]
    steps: Sequence[str]
    hidden: bool
    commands: Sequence[Command]
    files: Sequence[Command]

    @classmethod
    def of(cls, finding: StoredFinding, lanes: Lanes, folder: Path) -> Self:
        """Put a finding in words."""
        evidence = finding["evidence"]
        return cls(
            id=finding["id"],
            symptom=finding["symptom"],
            cause=finding["cause"],
            title=headline(finding),
            facts=list(_facts(finding)),
            reasoning=_reasoning(finding),
            mend=MENDS.get(finding["cause"], ""),
            evidence=evidence,
            expected=_marked(evidence["expected"], evidence["missing"], "missing"),
            received=_marked(evidence["received"], evidence["wrong"], "not its own"),
            steps=[_step(stay) for stay in lanes],
            hidden=finding["source"] is not None and all(stay.part != "poison" for stay in lanes),
            commands=list(_commands(finding, folder)),
            files=list(_files(finding, folder)),
        )


def _facts(finding: StoredFinding) -> Iterator[tuple[str, str]]:
    message, source, place = finding["reproduce"], finding["source"], finding["place"]
    yield "asked", f"{message['method']} /{message['url'].partition('://')[2].partition('/')[2]}"
    yield "as", _who(finding["victim"])
    yield "got", _got(finding)
    if source is not None:
        yield "whose", _who(source)
    yield "seen", f"{times(finding['count'])}, by {plural(finding['victims'], 'identity', 'identities')}"
    yield "first", f"at {milliseconds(finding['first_s'] * _MS)} in {finding['phase']}"
    yield "where", f"{place['file']}:{place['line']}"


def _who(identity: StoredIdentity) -> str:
    return f"{identity['label']}  {orjson.dumps(identity['claims'], default=str).decode()}"


def _got(finding: StoredFinding) -> str:
    if finding["status"] is None:
        return f"no answer: {finding['lost']}"
    code = f" with code {finding['code']}" if finding["code"] else ""
    return f"status {finding['status']}{code}"


def _reasoning(finding: StoredFinding) -> list[str]:
    undetermined = finding["cause"] == Cause.UNDETERMINED and not finding["reasoning"]
    told = ["What causes it is not determined."] if undetermined else []
    return [line for line in [finding["reason"], *finding["reasoning"], *told] if line]


def _marked(rows: Sequence[str], marked: Sequence[str], mark: str) -> list[Row]:
    """Return rows, those that are marked among them or after them."""
    wrong = set(marked)
    shown = [Row(cut(row, _ROW), mark if row in wrong else "") for row in rows]
    return shown + [Row(cut(row, _ROW), mark) for row in marked if row not in set(rows)]


def _step(stay: Stay) -> str:
    part = "" if stay.part == "other" else f", the {stay.part}"
    took = milliseconds((stay.ended - stay.began) * _MS)
    return f"{stay.began:.4f} s, backend {stay.backend}: {stay.who} asked for {stay.request} ({took}){part}"


def _commands(finding: StoredFinding, folder: Path) -> Iterator[Command]:
    found = finding["reproduction"]
    if found is not None:
        told = f"{plural(found['exchanges'], 'exchange')} that show it: {found['told']}"
        yield Command(told, f"{quoted(program())} run {quoted(str(folder / found['scenario']))}")
    if finding["unreproduced"]:
        yield Command(f"not seen again: {finding['unreproduced']}", "")
    key = ", with PostgREST's jwt-secret in LOADCHECK_JWT_SECRET" if finding["reproduce"]["token"] else ""
    yield Command(f"the exchange itself{key}", "\n".join(curl_lines(finding["reproduce"], _WIDTH)))


def _files(finding: StoredFinding, folder: Path) -> Iterator[Command]:
    found = finding["reproduction"]
    for name in [] if found is None else [found["scenario"], found["script"]]:
        path = folder / name
        if path.is_file():
            yield Command(name, path.read_text("utf-8", "replace")[:_FILE])
