"""A run as plain lines, for a log or a terminal that cannot be drawn on."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.text import Text

from loadcheck.judge.findings import Finding
from loadcheck.record.findings import finding_head
from loadcheck.record.histogram import Histogram
from loadcheck.record.tally import PhaseTally, Tally
from loadcheck.report.figures import milliseconds, plural, rate
from loadcheck.report.headlines import headline
from loadcheck.report.progress import latency_line, load, reach_line, share_done
from loadcheck.report.text import cut, inert
from loadcheck.run.observer import Gauges

_LOOK_SECONDS: Final = 0.2
_LINE_SECONDS: Final = 5.0
_MINUTE: Final = 60.0


class PlainReporter:
    """Prints a line for each step, phase and finding, and one every few seconds between them, later one a minute.

    Args:
        console: Where to.
        every: Seconds between two lines about a phase that goes on, in its first minute.
    """

    def __init__(self, console: Console, every: float = _LINE_SECONDS) -> None:
        self._console = console
        self._every = every
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._lines: _Lines | None = None
        self._thread = threading.Thread(target=self._watch, name="loadcheck report", daemon=True)

    def step(self, text: str) -> None:
        """Print a line about a step, after what happened before it."""
        self._print_earlier()
        self._print(inert(text))

    def started(self, tally: Tally, gauges: Gauges) -> None:
        """Begin to print what the tally counts."""
        self._lines = _Lines(tally, gauges, self._every)
        self._thread.start()

    def finding(self, finding: Finding) -> None:
        """Print a new finding at once, after what happened before it."""
        if self._lines is not None:
            self._print_earlier()
            self._print(self._lines.finding(finding))

    def finished(self) -> None:
        """Print what is left to say of the last phase."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(_LOOK_SECONDS)
            self._print_new()

    def _print_earlier(self) -> None:
        """Print what is new; once the load is over nothing is, though a phase that was cut off may never have ended."""
        if not self._ended.is_set():
            self._print_new()

    def _print_new(self) -> None:
        with self._lock:
            for line in self._lines.new() if self._lines is not None else ():
                self._print(line)

    def _print(self, line: str) -> None:
        # A file or a pipe has no width: one line stays one, for grep.
        soft_wrap = not self._console.is_terminal
        self._console.print(Text(line, overflow="fold"), highlight=False, soft_wrap=soft_wrap)


@dataclass(frozen=True, slots=True)
class _Told:
    """A phase as it was when a line last told of it."""

    at: float = 0.0
    sent: int = 0
    latency: Histogram = field(default_factory=Histogram)


class _Lines:
    """Compares the tally with what was told of it, and words what is new."""

    def __init__(self, tally: Tally, gauges: Gauges, every: float) -> None:
        self._tally = tally
        self._gauges = gauges
        self._every = every
        self._begun: set[int] = set()
        self._over: set[int] = set()
        self._next = 0.0
        self._last = _Told()

    def new(self) -> list[str]:
        """Return the lines that are due."""
        now = self._gauges.now()
        lines = []
        for index, phase in enumerate(self._tally.phases):
            lines.extend(self._phase(index, phase, now))
        return lines

    def finding(self, finding: Finding) -> str:
        """Return the line of a new finding."""
        head = finding_head(finding, self._tally.scenario, self._tally.population)
        return _stamped(head["first_s"], f"violation: {headline(head)} ({head['id']})")

    def _phase(self, index: int, phase: PhaseTally, now: float) -> list[str]:
        lines = []
        if phase.started is not None and index not in self._begun:
            self._begun.add(index)
            self._next = phase.started + self._every
            self._last = _Told(phase.started)
            lines.append(_stamped(phase.started, f"{cut(phase.phase.name, 20)}: {load(phase.phase)}"))
        if phase.ended is not None and index not in self._over:
            self._over.add(index)
            lines.append(_stamped(phase.ended, self._ended(phase)))
            lines.extend(_stamped(phase.ended, line) for line in self._reached())
        elif phase.started is not None and phase.ended is None and now >= self._next:
            self._next = now + (self._every if now - phase.started < _MINUTE else _MINUTE)
            lines.append(_stamped(now, self._going_on(phase, now)))
        return lines

    def _going_on(self, phase: PhaseTally, now: float) -> str:
        done = f"{share_done(phase, now):.0%} of {cut(phase.phase.name, 20)}".replace("%", " %")
        last, self._last = self._last, _Told(now, phase.counts.sent, Histogram.sum(phase.latency))
        speed = (self._last.sent - last.sent) / (now - last.at)
        p99 = self._last.latency.since(last.latency).percentile(99)
        lately = f"{rate(round(speed))}, p99 {milliseconds(None if p99 is None else p99 * 1000)}"
        return f"{done}: {lately}, {_counts(phase)}{self._handoffs()}, {self._gauges.memory():,.0f} MB"

    def _handoffs(self) -> str:
        reached = self._gauges.reached()
        return "" if reached is None else f", {plural(reached.handoffs, 'handoff')}"

    def _reached(self) -> Iterator[str]:
        reached = self._gauges.reached()
        if reached is not None:
            yield reach_line(reached)

    def _ended(self, phase: PhaseTally) -> str:
        return f"{cut(phase.phase.name, 20)}: {_counts(phase)}, {latency_line(phase)}"


def _counts(phase: PhaseTally) -> str:
    counts = phase.counts
    return f"{counts.ok:,} ok, {plural(counts.violation, 'violation')}, {counts.unknown:,} unknown"


def _stamped(at: float, text: str) -> str:
    return f"{at:7.1f} s  {text}"
