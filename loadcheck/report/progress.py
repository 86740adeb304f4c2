"""How far a run is: what the live view and the plain lines both tell of the current phase."""

from typing import Final

from loadcheck.record.histogram import Histogram
from loadcheck.record.span import Reached
from loadcheck.record.tally import PhaseTally, Tally
from loadcheck.report.figures import milliseconds, plural, rate, seconds
from loadcheck.scenario.phase import Phase

_MS: Final = 1000
_TEN: Final = 10
_RECENT_SECONDS: Final = 3


def share_done(phase: PhaseTally, now: float) -> float:
    """Return how much of a phase is over, from 0 to 1."""
    if phase.ended is not None:
        return 1.0
    if phase.started is None:
        return 0.0
    if phase.phase.duration is not None:
        return min(max((now - phase.started) / phase.phase.duration, 0.0), 1.0)
    return min(phase.counts.sent / (phase.phase.budget or 1), 1.0)


def extent(phase: PhaseTally, now: float) -> str:
    """Return how far a phase is, in its own measure: `14 s of 30 s`, or `1,200 of 5,000 requests`."""
    if phase.phase.duration is not None:
        elapsed = min(max(now - (phase.started or 0.0), 0.0), phase.phase.duration)
        return f"{seconds(int(elapsed))} of {seconds(phase.phase.duration)}"
    return f"{phase.counts.sent:,} of {phase.phase.budget or 0:,} requests"


def load(phase: Phase) -> str:
    """Return what a phase asks for: `concurrency 32 for 30 s`, or `400/s to 800/s for 30 s`."""
    size = f" for {seconds(phase.duration)}" if phase.duration else f", {plural(phase.budget or 0, 'request')}"
    return pace(phase) + size


def pace(phase: Phase) -> str:
    """Return how a phase sends: `concurrency 32`, or `400/s to 800/s`."""
    if phase.concurrency is not None:
        return f"concurrency {phase.concurrency}"
    ramp = f" to {rate(phase.ramp_to)}" if phase.ramp_to is not None else ""
    return rate(phase.rate) + ramp


def target_rate(phase: PhaseTally, now: float) -> float | None:
    """Return the rate that an open loop is to have now; None for a closed loop, which has no such aim."""
    first, last = phase.phase.rate, phase.phase.ramp_to
    if first is None or last is None:
        return first
    return first + (last - first) * share_done(phase, now)


def rate_line(tally: Tally, phase: PhaseTally, now: float) -> str:
    """Return the rate of the last seconds of a phase against its target."""
    target = target_rate(phase, now)
    aim = f"of {_whole(target)}" if target is not None else f"with concurrency {phase.phase.concurrency}"
    return f"{_whole(recent_rate(tally, phase, now))} {aim}"


def recent_rate(tally: Tally, phase: PhaseTally, now: float) -> float:
    """Return exchanges a second over the last seconds of a phase, what was before it left out."""
    elapsed = now - (now if phase.started is None else phase.started)
    if elapsed >= _RECENT_SECONDS + 1:  # the last whole seconds are all its own
        return tally.recent.rate(now, _RECENT_SECONDS)
    return phase.counts.sent / elapsed if elapsed > 0 else 0.0


def reach_line(reached: Reached) -> str:
    """Return what the run has reached of what leaks need: backends that change hands, and repeats."""
    parts = [
        plural(reached.backends, "backend"),
        f"{plural(reached.handoffs, 'handoff')} of {plural(reached.distinct_handoffs, 'kind')}",
        "" if reached.repeats is None else plural(reached.repeats, "repeat"),
        "" if reached.exposed is None else f"{reached.exposed:,} exposed",
    ]
    return ", ".join(filter(None, parts))


def latency_line(phase: PhaseTally) -> str:
    """Return the latency of a phase so far."""
    latency = Histogram.sum(phase.latency)
    p50, p99 = latency.percentile(50), latency.percentile(99)
    return f"p50 {_ms(p50)}, p99 {_ms(p99)}"


def _whole(value: float) -> str:
    return rate(round(value) if value >= _TEN else value)


def _ms(value: float | None) -> str:
    return milliseconds(None if value is None else value * _MS)
