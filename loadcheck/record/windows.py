"""Thresholds over sliding windows: the worst window of a run, in memory that does not grow with its length."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from loadcheck.judge.outcome import Worst, held
from loadcheck.record.histogram import Histogram, Packed
from loadcheck.record.summary import PERCENTS
from loadcheck.record.tally import PhaseTally, Tally
from loadcheck.scenario.thresholds import Window

# A window slides by a second, or by a sixtieth of its length: never more marks than this are kept, however long it is.
_STEPS: Final = 60
_NOTHING: Final = Histogram().packed()


@dataclass(frozen=True, slots=True)
class _Mark:
    """What the tally had counted at one moment; a window is the difference of two, which is exact.

    Attributes:
        seconds: How long the measured phases had lasted.
    """

    seconds: float
    answered: int
    sent: int
    ok: int
    latency: Packed


class Windows:
    """Measures the windows of a run's thresholds. A window is whole: none is measured before one has passed.

    Args:
        tally: What the run counts.

    Attributes:
        worst: By threshold, the worst window so far; none where no window had a sample.
    """

    def __init__(self, tally: Tally) -> None:
        self.worst: dict[str, Worst] = {}
        self._tally = tally
        self._limits = {name: limit for name, limit in tally.scenario.thresholds if isinstance(limit, Window)}
        # Copies of a histogram are what takes memory: windows of a rate do without.
        self._latencies = {limit.window for name, limit in self._limits.items() if name in PERCENTS}
        self._marks = {limit.window: deque([_mark(tally, 0.0)]) for limit in self._limits.values()}
        self._broken: set[str] = set()

    def look(self, now: float) -> Mapping[str, Worst]:
        """Measure the windows that end now.

        Args:
            now: Seconds after the run's start.

        Returns:
            The thresholds that did not hold, those that had not held before left out.
        """
        if not self._limits:
            return {}
        mark = _mark(self._tally, now)
        light = replace(mark, latency=_NOTHING)
        begun = {
            window: _slide(marks, mark if window in self._latencies else light, window)
            for window, marks in self._marks.items()
        }
        for name, limit in self._limits.items():
            if (since := begun[limit.window]) is not None:
                self._measure(name, _value(name, since, mark), now)
        broken = {name for name, worst in self.worst.items() if not held(name, self._limits[name].limit, worst.value)}
        new, self._broken = broken - self._broken, broken
        return {name: self.worst[name] for name in sorted(new)}

    def _measure(self, name: str, value: float | None, now: float) -> None:
        worst = self.worst.get(name)
        if value is not None and (worst is None or not held(name, worst.value, value)):
            self.worst[name] = Worst(value, now)


def _slide(marks: deque[_Mark], mark: _Mark, window: float) -> _Mark | None:
    """Return the latest mark that a whole window has passed since; None before one has."""
    if mark.seconds - marks[-1].seconds >= max(window / _STEPS, 1.0):
        marks.append(mark)
    while len(marks) > 1 and mark.seconds - marks[1].seconds >= window:
        marks.popleft()
    return marks[0] if mark.seconds - marks[0].seconds >= window else None


def _value(name: str, since: _Mark, mark: _Mark) -> float | None:
    """Return a window's value of a threshold, in the scenario's unit."""
    if name == "throughput":
        return (mark.answered - since.answered) / (mark.seconds - since.seconds)
    if name == "error_rate":
        sent, ok = mark.sent - since.sent, mark.ok - since.ok
        return (sent - ok) / sent if sent else None
    return mark.latency.unpacked().since(since.latency.unpacked()).percentile(PERCENTS[name])


def _mark(tally: Tally, now: float) -> _Mark:
    unexcused = tally.unexcused
    seconds = sum(_lasted(phase, now) for phase in tally.phases if phase.phase.measure)
    return _Mark(seconds, tally.answered, unexcused.sent, unexcused.ok, tally.latency.packed())


def _lasted(phase: PhaseTally, now: float) -> float:
    """Return for how long a phase has gone on by the clock: one that nothing comes back from goes on, too."""
    if phase.started is None:
        return 0.0
    return max((now if phase.ended is None else phase.ended) - phase.started, 0.0)
