"""Findings as short stories: who asked what, what should have come, what came, and how to see it again."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Final

import orjson
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from loadcheck.judge.verdict import Cause
from loadcheck.record.stored import StoredEvidence, StoredFinding, StoredIdentity, StoredMessage, StoredReproduction
from loadcheck.report.curl import LONGEST_BODY, curl_lines, quoted
from loadcheck.report.figures import plural, seconds, times
from loadcheck.report.headlines import headline
from loadcheck.report.program import program
from loadcheck.report.text import cut, inert

_TOLD: Final = 5  # findings told as stories
_LISTED: Final = 10  # further ones told in a line each
_ROWS: Final = 3  # rows shown of each list
_REASON: Final = 4  # lines of a reason
_INDENT: Final = 4
_LABEL: Final = 12  # cells for the left column
_NARROWEST: Final = 20


class Stories:
    """The findings of a run, as many as a reader takes in; the others are named."""

    def __init__(self, findings: Sequence[StoredFinding], folder: Path) -> None:
        self._findings = findings
        self._folder = folder

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for number, finding in enumerate(self._findings[:_TOLD]):
            if number:
                yield Text("")
            yield from _story(finding, self._folder, options.max_width)
        others = self._findings[_TOLD:]
        if others:
            yield Text("")
        for finding in others[:_LISTED]:
            yield _line(_title(finding, options.max_width))
        if others[_LISTED:]:
            yield _line(f"and {plural(len(others[_LISTED:]), 'more finding')}: see findings.json")


def _title(finding: StoredFinding, width: int) -> str:
    return cut(f"{finding['id']}  {finding['symptom']}: {headline(finding)}", width)


def _story(finding: StoredFinding, folder: Path, width: int) -> Iterator[Text]:
    yield _line(_title(finding, width), "bold red")
    for label, text, style in _facts(finding, width):
        yield _line(cut(f"{'':<{_INDENT}}{label:<{_LABEL}}{text}", width), style)
    found = finding["reproduction"]
    if found is not None:
        yield from _replay(found, folder, width)
    yield from _alone(finding, "repeat" if found is None else "alone", width)


def _replay(found: StoredReproduction, folder: Path, width: int) -> Iterator[Text]:
    """Tell the fewest exchanges that show it, and what sends them."""
    told = (
        f"{plural(found['exchanges'], 'exchange')} {'show' if found['exchanges'] > 1 else 'shows'} it: {found['told']}"
    )
    yield from _labelled("repeat", told, width)
    yield _line(f"{quoted(program())} run {quoted(str(folder / found['scenario']))}", "cyan")
    yield _line(f"sh {quoted(str(folder / found['script']))}", "cyan")


def _alone(finding: StoredFinding, label: str, width: int) -> Iterator[Text]:
    """Tell how to send the finding's own exchange again."""
    if finding["unreproduced"]:
        yield from _labelled("not again", finding["unreproduced"], width)
    yield from _labelled(label, _needed(finding["reproduce"]), width)
    for line in curl_lines(finding["reproduce"], width):
        yield _line(line, "cyan")
    if len(finding["reproduce"]["body"] or "") > LONGEST_BODY:
        yield _line("    (its body is in findings.json)")


def _labelled(label: str, text: str, width: int) -> Iterator[Text]:
    for left, line, style in _wrapped(label, text, width):
        yield _line(cut(f"{'':<{_INDENT}}{left:<{_LABEL}}{line}", width), style)


def _needed(message: StoredMessage) -> str:
    """Return what the curl command needs; whether the stack was embedded, and so is gone, is not stored."""
    stack = f"embedded: `{quoted(program())} up FILE` gives a new stack's URL and key"
    return f"needs PostgREST's jwt-secret in LOADCHECK_JWT_SECRET; {stack}" if message["token"] else stack


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _facts(finding: StoredFinding, width: int) -> Iterator[tuple[str, str, str]]:
    """Yield label, text and style for each line of a story."""
    message, source = finding["reproduce"], finding["source"]
    path = "/" + message["url"].partition("://")[2].partition("/")[2]
    yield "asked", f"{message['method']} {path}", ""
    yield "as", _who(finding["victim"]), ""
    yield "got", _got(finding), ""
    yield from _rows(finding["evidence"])
    if source is not None:
        yield "whose", _who(source), "yellow"
    yield from _wrapped("why", finding["reason"], width)
    yield "cause", finding["cause"], "" if finding["cause"] == Cause.UNDETERMINED else "bold"
    for line in finding["reasoning"]:
        yield from _wrapped("", line, width)
    first = f"first at {seconds(finding['first_s'])} in {finding['phase']}"
    yield "seen", f"{times(finding['count'])}, by {_victims(finding)}, {first}", ""


def _wrapped(label: str, text: str, width: int) -> Iterator[tuple[str, str, str]]:
    """Wrap what is written to be read to its end."""
    lines = wrap(inert(text), max(width - _INDENT - _LABEL, _NARROWEST), max_lines=_REASON, placeholder=" …")
    for number, line in enumerate(lines):
        yield "" if number else label, line, ""


def _who(identity: StoredIdentity) -> str:
    claims = orjson.dumps(identity["claims"], default=str).decode()
    return f"{identity['label']}  {claims}"


def _got(finding: StoredFinding) -> str:
    if finding["status"] is None:
        return f"no answer: {finding['lost']}"
    evidence = finding["evidence"]
    code = f" with code {finding['code']}" if finding["code"] else ""
    expected, received = evidence["expected_count"], evidence["received_count"]
    rows = f", {plural(received, 'row')} where {expected:,} belong" if expected or received else ""
    return f"status {finding['status']}{code}{rows}"


def _victims(finding: StoredFinding) -> str:
    return plural(finding["victims"], "identity", "identities")


def _rows(evidence: StoredEvidence) -> Iterator[tuple[str, str, str]]:
    """Show the rows that are too many and those that are missing; where that says nothing, both lists."""
    if evidence["wrong"] or evidence["missing"]:
        yield from _list("not its own", evidence["wrong"], "red")
        yield from _list("missing", evidence["missing"], "green")
    else:
        yield from _list("should see", evidence["expected"], "green")
        yield from _list("saw", evidence["received"], "red")


def _list(label: str, rows: Sequence[str], style: str) -> Iterator[tuple[str, str, str]]:
    for number, row in enumerate(rows[:_ROWS]):
        yield "" if number else label, row, style
    if rows[_ROWS:]:
        yield "", "…", ""
