"""Sampling a run: from what only ever grows to what happened in each second."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypedDict

from loadcheck.record.generator import Generator
from loadcheck.record.histogram import Histogram
from loadcheck.record.series import Sample
from loadcheck.record.span import Span
from loadcheck.record.tally import PhaseTally, Tally

_PERCENTS: Final = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "max": 100.0}


class _Counted(TypedDict):
    sent: int
    ok: int
    violation: int
    unknown: int
    missed: int


class _Reached(TypedDict):
    backends: int
    handoffs: int


_NONE: Final = _Counted(sent=0, ok=0, violation=0, unknown=0, missed=0)


@dataclass(slots=True)
class Sampler:
    """Takes the differences of what only ever grows, so that sampling costs nothing per exchange.

    Attributes:
        tally: What the run counts.
        coverage: Tells what its stamps show.
        generator: What loadcheck itself uses.
        faults: Tells which faults were on since it was last asked.
    """

    tally: Tally
    coverage: Callable[[], Span]
    generator: Generator
    faults: Callable[[], Sequence[str]] = list
    _at: float = 0.0
    _counts: _Counted = field(default_factory=lambda: _NONE)
    _handoffs: int = 0
    _statuses: Mapping[str, int] = field(default_factory=dict)
    _latency: dict[int, Histogram] = field(default_factory=dict)
    _cpu: float = 0.0
    _waited: float = 0.0

    def sample(self, at: float, in_flight: int) -> Sample:
        """Return what happened since the last sample.

        Args:
            at: Seconds after the run's start.
            in_flight: Exchanges sent and not yet done.
        """
        began, self._at = self._at, at
        phase = None if self.tally.current is None else self.tally.phases[self.tally.current]
        used = self.generator.figures()
        cpu, self._cpu = self._cpu, used["cpu_s"] or 0.0
        return {
            "at_s": round(at, 3),
            "seconds": round(at - began, 3),
            "phase": None if phase is None else phase.phase.name,
            "target_rps": _target(phase, at),
            **self._counted(),
            "in_flight": in_flight,
            "latency_ms": self._latencies(),
            "statuses": self._answered(),
            **self._reached(),
            "faults": list(self.faults()),
            "cpu_s": round(self._cpu - cpu, 3),
            "waited_s": self._waits(used["waited_s"]),
            "rss_mb": used["rss_max_mb"] or 0.0,
        }

    def _counted(self) -> _Counted:
        before, self._counts = self._counts, _counts(self.tally)
        now = self._counts
        return {
            "sent": now["sent"] - before["sent"],
            "ok": now["ok"] - before["ok"],
            "violation": now["violation"] - before["violation"],
            "unknown": now["unknown"] - before["unknown"],
            "missed": now["missed"] - before["missed"],
        }

    def _reached(self) -> _Reached:
        span = self.coverage()
        before, self._handoffs = self._handoffs, span.handoffs
        return {"backends": span.backends, "handoffs": self._handoffs - before}

    def _waits(self, waited: float | None) -> float | None:
        if waited is None:
            return None
        before, self._waited = self._waited, waited
        return round(waited - before, 3)

    def _answered(self) -> dict[str, int]:
        before, self._statuses = self._statuses, self.tally.statuses.most_common()
        grown = {status: count - before.get(status, 0) for status, count in self._statuses.items()}
        return {status: count for status, count in grown.items() if count}

    def _latencies(self) -> dict[str, float | None]:
        """Return the percentiles of what was added to any phase: the last answers of one come in the next."""
        window = Histogram()
        for index, phase in enumerate(self.tally.phases):
            whole, earlier = Histogram.sum(phase.latency), self._latency.get(index) or Histogram()
            if whole.count > earlier.count:
                window.merge(whole.since(earlier))
                self._latency[index] = whole
        found = {name: window.percentile(percent) for name, percent in _PERCENTS.items()}
        return {name: None if seconds is None else round(seconds * 1000, 3) for name, seconds in found.items()}


def _counts(tally: Tally) -> _Counted:
    phases = [phase.counts for phase in tally.phases]
    return {
        "sent": sum(counts.sent for counts in phases),
        "ok": sum(counts.ok for counts in phases),
        "violation": sum(counts.violation for counts in phases),
        "unknown": sum(counts.unknown for counts in phases),
        "missed": sum(phase.missed for phase in tally.phases),
    }


def _target(tally: PhaseTally | None, at: float) -> float | None:
    if tally is None or tally.phase.rate is None or tally.started is None:
        return None
    phase = tally.phase
    whole = phase.duration or 0.0
    passed = min(max((at - tally.started) / whole, 0.0), 1.0) if whole else 0.0
    return round(tally.phase.rate + ((phase.ramp_to or tally.phase.rate) - tally.phase.rate) * passed, 1)
