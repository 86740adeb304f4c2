"""The live view: a run as it goes, drawn twice a second from the tally."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Final, TypeAlias

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.text import Text

from loadcheck.judge.findings import Finding
from loadcheck.record.counts import Counts
from loadcheck.record.findings import finding_head
from loadcheck.record.tally import PhaseTally, Tally
from loadcheck.report.figures import amount, plural, seconds
from loadcheck.report.headlines import headline
from loadcheck.report.progress import extent, latency_line, pace, rate_line, reach_line, share_done
from loadcheck.report.pulse import Pulse, sparkline
from loadcheck.report.text import cut, plain
from loadcheck.run.observer import Gauges

_EVERY_S: Final = 0.5  # a frame costs what a dozen exchanges do, beside a real stack
# A thread that works for as long as the whole of a frame takes would make requests late by that.
_REST_S: Final = 0.01
_WIDEST: Final = 200
_FINDINGS: Final = 5  # the last ones, a line each
_ROWS: Final = 2, 30  # of the tables: as many as there is height for
_HEIGHT: Final = 24  # lines of a terminal, where that is not told
_OTHERS: Final = 14  # lines that are no rows of the tables, and no findings
_NAME: Final = 26
_LABEL: Final = 10
_FIGURES: Final = 30  # cells for the figures before a curve
_CURVE: Final = 120  # as many seconds as are kept
_STORIES: Final = 3  # findings told at length as they happen; the end report tells them all
_ROW_CELLS: Final = 70
_GAP: Final = "  "  # between the columns of a table
_BESIDE: Final = "      "  # between the tables

_Cell: TypeAlias = tuple[str, str]  # text and style


class LiveReporter:
    """Draws the run on a terminal, and leaves nothing of it there for the end report to follow."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._view: View | None = None
        self._drawing: _Drawing | None = None
        self._told = 0

    def step(self, text: str) -> None:
        """Print a line about a step, above the view if it is there."""
        self._console.print(plain(text, "dim"), highlight=False)

    def started(self, tally: Tally, gauges: Gauges) -> None:
        """Begin to draw what the tally counts."""
        self._view = View(tally, gauges)
        self._drawing = _Drawing(self._view, self._console)

    def finding(self, finding: Finding) -> None:
        """Show a new finding among the last ones, and tell the first ones at once, above the view."""
        if self._view is None:
            return
        self._view.findings.append(finding)
        self._told += 1
        if self._told <= _STORIES:
            for line, style in self._view.story(finding):
                self._console.print(plain(line, style), highlight=False, no_wrap=True, overflow="ellipsis", crop=True)

    def finished(self) -> None:
        """Remove the view."""
        if self._drawing is not None:
            self._drawing.stop()
            self._drawing = None


class _Drawing:
    """Draws a view every half a second, in a thread of its own, until it is stopped and the view removed."""

    def __init__(self, view: "View", console: Console) -> None:
        self._view = view
        self._console = console
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._over = threading.Event()
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._draw, name="loadcheck live view", daemon=True)
        self._live.start()
        self._thread.start()

    def stop(self) -> None:
        """Remove the view, and tell what ended it before its time: it is no reason to lose a run."""
        self._over.set()
        self._thread.join()
        self._live.stop()
        if self._problem is not None:
            self._console.print(plain(f"the live view could not be drawn: {self._problem!r}", "dim"))

    def _draw(self) -> None:
        try:
            while not self._over.wait(_EVERY_S - _REST_S):
                frame = self._view.render(min(self._console.width, _WIDEST), self._console.height)
                self._over.wait(_REST_S)
                self._live.update(frame, refresh=True)
        except Exception as error:  # noqa: BLE001 -- `stop` tells it
            self._problem = error


class View:
    """What the live view shows.

    Attributes:
        findings: The last new ones.
    """

    def __init__(self, tally: Tally, gauges: Gauges) -> None:
        self.findings: deque[Finding] = deque(maxlen=_FINDINGS)
        self._tally = tally
        self._gauges = gauges
        self._pulse = Pulse(tally)

    def render(self, width: int, height: int = _HEIGHT) -> RenderableType:
        """Return the view of this moment, for a terminal of so many columns and lines."""
        now = self._gauges.now()
        self._pulse.look(now)
        return Group(
            Text(""),
            _title(self._tally, now, width),
            *self._phase(now, width),
            *_checked(self._tally),
            *self._coverage(),
            Text(""),
            *_tables(self._tally, self._rows(height)),
            *self._violations(width),
        )

    def _rows(self, height: int) -> int:
        least, most = _ROWS
        findings = len(self.findings) + 1 if self.findings else 0
        return min(max(height - _OTHERS - findings, least), most)

    def story(self, finding: Finding) -> Iterator[tuple[str, str]]:
        """Yield the lines of a finding's story, and their styles: who, why, and the first row that tells."""
        head, evidence = finding_head(finding, self._tally.scenario, self._tally.population), finding.verdict.evidence
        yield f"{seconds(head['first_s'])}: violation {head['id']} {head['symptom']}: {headline(head)}", "bold red"
        yield f"    {finding.verdict.reason}", ""
        for label, rows in (("not its own", evidence.wrong), ("missing", evidence.missing)):
            yield from ((f"    {label}: {cut(row, _ROW_CELLS)}", "yellow") for row in rows[:1])

    def _coverage(self) -> Iterator[RenderableType]:
        reached = self._gauges.reached()
        if reached is not None:
            yield _line("coverage", Text(reach_line(reached)))

    def _phase(self, now: float, width: int) -> Iterator[RenderableType]:
        index = self._tally.current
        if index is None:
            yield _line("phase", plain("none yet"))
            return
        phase = self._tally.phases[index]
        # A bar does not end its line; a padding makes it one of its own.
        yield Padding(ProgressBar(total=1.0, completed=share_done(phase, now), width=width), 0)
        yield _line("phase", self._phase_text(index, phase, now, width - _LABEL))
        yield _with_curve("rate", rate_line(self._tally, phase, now), self._pulse.rates, width)
        missed = plural(phase.missed, "missed arrival")
        yield _line("in flight", Text(f"{self._gauges.in_flight():,}, {missed}"))
        yield _with_curve("latency", latency_line(phase), self._pulse.p99s, width)

    def _phase_text(self, index: int, phase: PhaseTally, now: float, width: int) -> Text:
        name = cut(phase.phase.name, 20) + ("" if phase.phase.measure else " (not measured)")
        many = len(self._tally.phases)
        return Text(cut(f"{index + 1} of {many}, {name}: {pace(phase.phase)}, {extent(phase, now)}", width))

    def _violations(self, width: int) -> Iterator[RenderableType]:
        if self.findings:
            yield Text("")
        for finding in list(self.findings):
            head = finding_head(finding, self._tally.scenario, self._tally.population)
            often = f"x{finding.count:,}" if finding.count > 1 else ""
            text = f"{head['id']} {head['symptom']} {often}: {headline(head)}".replace(" :", ":")
            yield Text(cut(text, width), style="red")


def _title(tally: Tally, now: float, width: int) -> Text:
    clock = seconds(int(now))
    name = cut(f"loadcheck  {tally.scenario.name}", max(width - len(clock) - 1, 1))
    title = Text(name, style="bold", no_wrap=True)
    title.append(" " * max(width - title.cell_len - len(clock), 1) + clock)
    return title


def _checked(tally: Tally) -> Iterator[RenderableType]:
    counts = tally.counts
    warm_up = f" (and {tally.warm_up.sent:,} in the warm-up)" if tally.warm_up.sent else ""
    identities = f", {plural(tally.identities.count, 'identity', 'identities')}"
    yield _line("checked", Text(f"{counts.checked:,} of {counts.sent:,} sent{identities}{warm_up}"))
    verdicts = Text.assemble(
        (f"{counts.ok:,} ok", "green" if counts.ok else "dim"),
        ", ",
        (plural(counts.violation, "violation"), "bold red" if counts.violation else "dim"),
        ", ",
        (f"{counts.unknown:,} unknown", "yellow" if counts.unknown else "dim"),
    )
    if early := tally.warm_up.violation:
        verdicts.append(f" (and {plural(early, 'violation')} in the warm-up)", style="bold red")
    yield _line("verdicts", verdicts)


def _line(label: str, text: Text) -> Text:
    line = Text.assemble((f"{label:<{_LABEL}}", "dim"), text)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _with_curve(label: str, text: str, values: Iterable[float | None], width: int) -> Text:
    """Return a line with the curve of its last figure beside it, where there is room."""
    curve = sparkline(values, min(width - _LABEL - _FIGURES, _CURVE))
    return _line(label, Text.assemble(f"{text:<{_FIGURES}}", (curve, "cyan")))


def _tables(tally: Tally, most: int) -> Iterator[Text]:
    """Yield the lines of both tables side by side, without rich's own: these take more time than all of the rest."""
    mixes, statuses = _mixes(tally, most), _statuses(tally.statuses.most_common(), most)
    empty = [(" " * cell_len(text), "") for text, _ in mixes[0]]
    for left, right in zip_longest(mixes, statuses):
        yield Text.assemble(*(left or empty), _BESIDE, *(right or ()), no_wrap=True, overflow="ellipsis")


def _mixes(tally: Tally, most: int) -> list[list[_Cell]]:
    """Return those with violations first: these must not be among the ones that there is no room for."""
    both = zip(tally.scenario.identities, tally.mixes, strict=True)
    shown = sorted(both, key=lambda each: not each[1].violation)
    rows = [[(cut(mix.name, _NAME), ""), (amount(counts.sent), ""), *_bad(counts)] for mix, counts in shown]
    return _aligned(["claim mix", "sent", "violation", "unknown"], rows, most)


def _statuses(statuses: Mapping[str, int], most: int) -> list[list[_Cell]]:
    rows = [[(cut(status, _NAME), ""), (amount(count), "")] for status, count in statuses.items()]
    return _aligned(["status", "answers"], rows, most)


def _bad(counts: Counts) -> tuple[_Cell, _Cell]:
    return (
        (amount(counts.violation), "bold red" if counts.violation else "dim"),
        (amount(counts.unknown), "yellow" if counts.unknown else "dim"),
    )


def _aligned(names: list[str], rows: list[list[_Cell]], most: int) -> list[list[_Cell]]:
    """Return a table's head and first rows, the first column flush left and the others right; as wide all the way."""
    more = f"{len(rows) - most:,} more" if rows[most:] else ""
    shown = [[(name, "dim") for name in names], *rows[:most]]
    if more:
        shown.append([(more, "dim"), *(("", "") for _ in names[1:])])
    widths = [max(cell_len(text) for text, _ in column) for column in zip(*shown, strict=True)]
    return [[_padded(cell, widths[at], first=at == 0) for at, cell in enumerate(row)] for row in shown]


def _padded(cell: _Cell, width: int, *, first: bool) -> _Cell:
    text, style = cell
    space = " " * (width - cell_len(text))
    return (text + space if first else f"{_GAP}{space}{text}"), style
