"""The end report: the verdict and its reason first, and last the verdict again, the run's path, and what to do next."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.rule import Rule
from rich.text import Text

from loadcheck.record.stored import StoredCoverage, StoredFinding, Summary
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.figures import milliseconds, plural, rate, seconds, share
from loadcheck.report.next_steps import next_steps
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
from loadcheck.report.text import cut, plain

_WIDTH: Final = 80  # columns of the SVG
_WIDEST: Final = 100  # a wider terminal does not make the report easier to read
_REASONS: Final = 10
_BLIND_SPOTS: Final = 5
_TEXTS: Final = 8  # kinds of unknowns, and of statuses, that are told
_REASON: Final = 60  # cells for the reason of an unknown
_BUSY: Final = 0.85  # share of one core from which loadcheck itself may be what was slow
_STYLES: Final = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}
_EXPLAINED: Final = {
    3: "correct, but a threshold did not hold",
    130: "interrupted",
    143: "terminated",
}
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
    """Return the end report as an SVG picture of a terminal, the command that prints it in its bar.

    The picture loads nothing from elsewhere.
    """
    console = Console(file=io.StringIO(), record=True, width=_WIDTH, force_terminal=True, color_system="truecolor")
    print_report(console, run.summary, run.findings, run.folder)
    return _FONT_FACES.sub("", console.export_svg(title=cut(f"loadcheck report {run.folder}", _WIDTH)))


def end_report(summary: Summary, findings: Sequence[StoredFinding], folder: Path) -> RenderableType:
    """Return the end report of a run, for a console of 80 columns or any other width."""
    return Group(*_verdict(summary), *_sections(summary, findings, folder), Text(""), *_end(summary, findings, folder))


def _verdict(summary: Summary) -> Iterator[RenderableType]:
    verdict = summary["verdict"]
    line = Text.assemble(("verdict: ", "bold"), (verdict, _STYLES.get(verdict, "bold")))
    if explained := _EXPLAINED.get(summary["exit_code"]):
        line.append(f" ({explained})", style="bold yellow")
    yield line
    for reason in summary["reasons"][:_REASONS]:
        yield _Indented(reason)
    if rest := summary["reasons"][_REASONS:]:
        yield Text(f"  and {plural(len(rest), 'more reason')}: summary.json")
    yield Text("")
    yield Text(_of_what(summary), style="dim", no_wrap=True, overflow="ellipsis")
    yield from map(plain, _checked(summary))
    yield from _written(summary)
    yield from _drifted(summary)
    yield from map(plain, _sure(summary))
    yield from map(plain, _kept(summary))


class _Indented:
    """Text of any length, each of its lines two cells in and without spaces after it."""

    def __init__(self, text: str) -> None:
        self._text = plain(text)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._text.wrap(console, max(options.max_width - 2, 1)):
            line.rstrip()
            yield Text("  ").append_text(line)


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
    reached = (coverage["backends"], "backends"), (coverage["handoffs"], "handoffs")
    known = [f"{value:,} {name}" for value, name in reached if value is not None]
    kinds = coverage["distinct_handoffs"]
    between = [] if kinds is None else [f"{plural(kinds, 'kind')} of handoffs"]
    yield ", ".join([f"{coverage['identities']:,} identities", *known, *between])
    p50, p99 = (milliseconds(summary["latency_ms"][percent]) for percent in ("p50", "p99"))
    measured = sum(phase["duration_s"] for phase in summary["phases"] if phase["measure"])
    span = f"{seconds(measured)} measured ({seconds(summary['duration_s'])} in all)"
    yield f"{rate(summary['throughput_rps'])} over {span}, p50 {p50}, p99 {p99}"
    warm_up = summary["warm_up"]
    if warm_up["sent"]:
        bad = f", {plural(warm_up['violation'], 'violation')}" if warm_up["violation"] else ""
        yield f"and {plural(warm_up['sent'], 'exchange')} in the warm-up, judged but not measured{bad}"


def _written(summary: Summary) -> Iterator[RenderableType]:
    """Tell what came of the writes, and what a reader must know of the tables."""
    writes = summary["writes"]
    if writes is None:
        return
    ended = ", ".join(f"{writes[how]:,} {how}" for how in ("refused", "unknown"))
    whole = writes["accounted"] == writes["acknowledged"]
    accounted = "every one" if whole else f"{writes['accounted']:,}"
    yield plain(f"writes: {writes['acknowledged']:,} acknowledged, {accounted} accounted for; {ended}")
    lost = "that a write whose answer was lost may have removed"
    open_ones = f", {writes['undecided']:,} more were not found {lost}" if writes["undecided"] else ""
    wrong = f", {writes['wrong']:,} wrong" if writes["wrong"] else ""
    yield plain(f"{plural(writes['audits'], 'audit')}; the last held {plural(writes['rows'], 'row')}{open_ones}{wrong}")
    yield from (Text(line, style="yellow") for line in (*writes["notes"], *writes["drift"], *writes["left"]))


def _drifted(summary: Summary) -> Iterator[RenderableType]:
    """Tell which expected answers changed during the run, so that nobody takes it for a leak."""
    for one in summary["drift"][:_BLIND_SPOTS]:
        when = f"between {seconds(one['first_s'])} and {seconds(one['last_s'])}"
        changed = plural(one["changed"], "expected answer")
        yield Text(f"drift: {changed} of {one['request']!r} changed {when}: data were written", style="yellow")


def _kept(summary: Summary) -> Iterator[str]:
    """Tell what the history holds, where that is not everything."""
    kept = summary.get("history")
    if kept is not None and kept["left_out"]:
        every = kept["lines"] + kept["left_out"]
        yield f"history: {kept['lines']:,} of {plural(every, 'exchange')} kept: every violation and unknown,"
        yield f"and in the end the right answers of {share(kept['share'])} of identities"


def _sure(summary: Summary) -> Iterator[str]:
    """Tell how much could have been seen."""
    canaries, upper = summary["canaries"], summary["leak_rate_upper_95"]
    if upper is not None:
        yield f"with 95 % confidence, a leak shows in less than {share(upper)} of handoffs"
    if summary["coverage"]["handoffs"] is None:
        yield "handoffs between identities could not be seen: answers carry no stamp (doctor --install-stamp)"
    yield from summary["blind_spots"][:_BLIND_SPOTS]
    if canaries["planted"] and canaries["caught"] is not None:
        yield f"{canaries['caught']:,} of {plural(canaries['planted'], 'canary', 'canaries')} caught"


def _sections(summary: Summary, findings: Sequence[StoredFinding], folder: Path) -> Iterator[RenderableType]:
    if findings:
        yield from _section(plural(len(findings), "finding"), Stories(findings, folder))
    if summary["thresholds"]:
        yield from _section("thresholds", thresholds_table(summary["thresholds"]))
    if summary["faults"]:
        yield from _section("faults", faults_table(summary["faults"]))
    yield from _section("requests", requests_table(summary["requests"]))
    yield from _section("identities", mixes_table(summary["claim_mixes"]))
    yield from _section("load", phases_table(summary["phases"]))
    if summary["alike"]:
        yield from _section("cannot be told apart", *told_alike(summary["alike"]))
    if summary["coverage"]["requests"]:
        yield from _section("coverage", *_covered(summary["coverage"]))
    yield from _section("answers", *_answers(summary))
    yield from _section("loadcheck itself", *map(plain, _itself(summary)))


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
        yield Text(f"unknown {count:,} times: {cut(reason, _REASON)}", style="yellow")
    if unknowns[_TEXTS:]:
        yield Text(f"and unknown for {plural(len(unknowns) - _TEXTS, 'other reason')}: summary.json")


def _itself(summary: Summary) -> Iterator[str]:
    figures: Mapping[str, float | None] = summary["generator"]
    cpu, memory, missed = (figures.get(name) for name in ("cpu_s", "rss_max_mb", "missed"))
    busy = cpu / summary["duration_s"] if cpu is not None and summary["duration_s"] else None
    parts = [
        f"{seconds(cpu)} of processor time" if cpu is not None else "",
        f"{share(busy)} of one core" if busy is not None else "",
        f"{memory:,.0f} MB of memory" if memory is not None else "",
        plural(int(missed), "missed arrival") if missed is not None else "",
    ]
    yield ", ".join(filter(None, parts)) or "not measured"
    if busy is not None and busy > _BUSY:
        yield "It was busy nearly all the time, so the latencies include its own: lower the load."
    waited = figures.get("waited_s")
    if cpu is not None and waited is not None and waited > cpu:
        yield f"It waited {seconds(waited)} for a processor that others had, so the latencies tell of them, too."


def _end(summary: Summary, findings: Sequence[StoredFinding], folder: Path) -> Iterator[RenderableType]:
    """Tell the verdict once more, for a terminal on which its first telling has scrolled away, and what to do next."""
    verdict = summary["verdict"]
    yield Text.assemble(
        ("verdict: ", "bold"), (verdict, _STYLES.get(verdict, "bold")), f", exit {summary['exit_code']}"
    )
    yield Text.assemble(("run: ", "bold"), plain(str(folder)), overflow="fold")
    yield Text("next:", style="bold")
    yield from map(_Indented, next_steps(summary, findings, folder))
