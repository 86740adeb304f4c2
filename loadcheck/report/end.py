"""The end report: the verdict and its reason first, and last the verdict again, the run's path, and what to do next."""

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.rule import Rule
from rich.text import Text

from loadcheck.record.stored import StoredCoverage, StoredFinding, Summary
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.figures import milliseconds, plural, rate, seconds, times
from loadcheck.report.headlines import EXPLAINED
from loadcheck.report.next_steps import Step, next_steps
from loadcheck.report.notes import certainty, itself, notes
from loadcheck.report.sameness import told_alike
from loadcheck.report.stories import Stories
from loadcheck.report.tables import (
    faults_table,
    mixes_table,
    phases_table,
    requests_table,
    shapes_table,
    spans_table,
    thresholds_table,
)
from loadcheck.report.text import cut, inert, plain

_WIDTH: Final = 80  # columns of the SVG
_WIDEST: Final = 100  # a wider terminal does not make the report easier to read
_REASONS: Final = 10
_TEXTS: Final = 8  # kinds of unknowns, and of statuses, that are told
_REASON: Final = 60  # cells for the reason of an unknown
_STYLES: Final = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}
_LEGEND: Final = (
    "repeats: the most often that one backend ran it; kept plans leak from the 6th",
    "exposed: right answers from a backend that had just served somebody who expects",
    "another answer; leak rate: of these, what is ruled out with 95 % confidence",
)
_FONT_FACES: Final = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)


def print_report(console: Console, summary: Summary, findings: Sequence[StoredFinding], folder: Path) -> None:
    """Print the end report of a run, from what its summary.json and findings.json hold."""
    width = min(console.width, _WIDEST)
    console.print(end_report(summary, findings, folder), width=width, highlight=False)


def svg(run: StoredRun) -> str:
    """Return the gist of the end report as an SVG picture of a terminal, the command that prints it in its bar.

    It has no tables of what was covered and how the load went; and it loads nothing from elsewhere.
    """
    console = Console(file=io.StringIO(), record=True, width=_WIDTH, force_terminal=True, color_system="truecolor")
    summary, findings, folder = run.summary, run.findings, run.folder
    gist = (
        *_verdict(summary),
        *_found(summary, findings, folder),
        Text(""),
        *_end(summary, findings, folder),
        Text(""),
    )
    console.print(Group(*gist), highlight=False)
    return _FONT_FACES.sub("", console.export_svg(title=cut(f"loadcheck report {run.folder}", _WIDTH)))


def end_report(summary: Summary, findings: Sequence[StoredFinding], folder: Path) -> RenderableType:
    """Return the end report of a run, for a console of 80 columns or any other width."""
    sections = *_found(summary, findings, folder), *_done(summary)
    return Group(*_verdict(summary), *sections, Text(""), *_end(summary, findings, folder))


def _verdict(summary: Summary) -> Iterator[RenderableType]:
    verdict = summary["verdict"]
    line = Text.assemble(("verdict: ", "bold"), (verdict, _STYLES.get(verdict, "bold")))
    if explained := EXPLAINED.get(summary["exit_code"]):
        line.append(f" ({explained})", style="bold yellow")
    yield line
    for reason in summary["reasons"][:_REASONS]:
        yield _Wrapped(reason, indent=2)
    if rest := summary["reasons"][_REASONS:]:
        yield Text(f"  and {plural(len(rest), 'more reason')}: summary.json")
    yield Text("")
    yield Text(_of_what(summary), style="dim", no_wrap=True, overflow="ellipsis")
    yield from map(plain, _checked(summary))
    yield from (_Wrapped(text, "yellow" if warns else "") for text, warns in notes(summary))
    yield from map(_Wrapped, certainty(summary))


class _Wrapped:
    """Text of any length, each of its lines so many cells in and without spaces after it."""

    def __init__(self, text: str, style: str = "", indent: int = 0) -> None:
        self._text = plain(text, style)
        self._indent = indent

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._text.wrap(console, max(options.max_width - self._indent, 1)):
            line.rstrip()
            yield Text(" " * self._indent).append_text(line)


class _Told:
    """A step, its command in one piece to be copied: on a line of its own where it does not fit behind the sentence."""

    def __init__(self, step: Step) -> None:
        self._step = step

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        whole, command = str(self._step), self._step.command
        if not command or cell_len(whole) + 2 <= options.max_width:
            yield _Wrapped(whole, indent=2)
            return
        yield _Wrapped(f"{self._step.text}:", indent=2)
        yield Text(f"    {inert(command)}", overflow="fold", no_wrap=cell_len(command) + 4 <= options.max_width)


def _of_what(summary: Summary) -> str:
    started = summary["started"].partition(".")[0].replace("T", " ")
    return cut(summary["scenario"], 30) + f", seed {summary['seed']}, {started} UTC"


def _checked(summary: Summary) -> Iterator[str]:
    counts, coverage = summary["exchanges"], summary["coverage"]
    checked = counts["ok"] + counts["violation"]
    yield (
        f"{checked:,} of {plural(counts['sent'], 'exchange')} checked: {counts['ok']:,} ok,"
        f" {plural(counts['violation'], 'violation')}, {counts['unknown']:,} unknown"
    )
    reached = (coverage["backends"], "backend"), (coverage["handoffs"], "handoff")
    known = [plural(value, name) for value, name in reached if value is not None]
    kinds = coverage["distinct_handoffs"]
    between = [] if kinds is None else [f"{plural(kinds, 'kind')} of handoffs"]
    yield ", ".join([plural(coverage["identities"], "identity", "identities"), *known, *between])
    p50, p99 = (milliseconds(summary["latency_ms"][percent]) for percent in ("p50", "p99"))
    measured = sum(phase["duration_s"] for phase in summary["phases"] if phase["measure"])
    span = f"{seconds(measured)} measured ({seconds(summary['duration_s'])} in all)"
    yield f"{rate(summary['throughput_rps'])} over {span}, p50 {p50}, p99 {p99}"


def _found(summary: Summary, findings: Sequence[StoredFinding], folder: Path) -> Iterator[RenderableType]:
    """Yield the sections on what was found."""
    if findings:
        yield from _section(plural(len(findings), "finding"), Stories(findings, folder))
    if summary["thresholds"]:
        yield from _section("thresholds", thresholds_table(summary["thresholds"]))
    if summary["faults"]:
        yield from _section("faults", faults_table(summary["faults"]))
    yield from _section("requests", requests_table(summary["requests"]))


def _done(summary: Summary) -> Iterator[RenderableType]:
    """Yield the sections on what was done to find it."""
    yield from _section("identities", mixes_table(summary["claim_mixes"]))
    yield from _section("load", phases_table(summary["phases"]))
    if summary["alike"]:
        yield from _section("cannot be told apart", *told_alike(summary["alike"]))
    if summary["coverage"]["requests"]:
        yield from _section("coverage", *_covered(summary["coverage"]))
    yield from _section("answers", *_answers(summary))
    yield from _section("loadcheck itself", *map(_Wrapped, itself(summary)))


def _section(title: str, *content: RenderableType) -> Iterator[RenderableType]:
    yield Text("")
    yield Rule(Text(title, style="bold"), align="left", style="dim")
    yield from content


def _covered(coverage: StoredCoverage) -> Iterator[RenderableType]:
    yield shapes_table(coverage["requests"])
    yield from (Text(line, style="dim") for line in _LEGEND)
    yield Text("")
    yield spans_table(coverage["phases"])


def _answers(summary: Summary) -> Iterator[RenderableType]:
    statuses = list(summary["statuses"].items())
    told = [f"{cut(status, _REASON)}: {count:,}" for status, count in statuses[:_TEXTS]]
    more = [f"{len(statuses) - _TEXTS} other kinds"] if len(statuses) > _TEXTS else []
    yield plain(", ".join(told + more) or "none")
    unknowns = list(summary["unknowns"].items())
    for reason, count in unknowns[:_TEXTS]:
        yield Text(f"unknown {times(count)}: {cut(reason, _REASON)}", style="yellow")
    if unknowns[_TEXTS:]:
        yield Text(f"and unknown for {plural(len(unknowns) - _TEXTS, 'other reason')}: summary.json")


def _end(summary: Summary, findings: Sequence[StoredFinding], folder: Path) -> Iterator[RenderableType]:
    """Tell the verdict once more, for a terminal on which its first telling has scrolled away, and what to do next."""
    verdict = summary["verdict"]
    yield Text.assemble(
        ("verdict: ", "bold"), (verdict, _STYLES.get(verdict, "bold")), f", exit {summary['exit_code']}"
    )
    yield Text.assemble(("run: ", "bold"), plain(str(folder)), overflow="fold")
    yield Text("next:", style="bold")
    yield from map(_Told, next_steps(summary, findings, folder))
