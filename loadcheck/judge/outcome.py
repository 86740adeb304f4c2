"""The verdict of a whole run, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from loadcheck.errors import ExitCode
from loadcheck.scenario.thresholds import UPPER_LIMITS, Thresholds, Window

# Above this share of answers that could not be judged, a run without a violation says too little.
_UNKNOWN_SHARE: Final = 0.1
# The same of answers that were not what was expected: each of them may have been a leak.
_UNSETTLED_SHARE: Final = 0.01
# What must be reached for a green run to say anything, and what helps when it was not.
_COVERED: Final[Mapping[str, str]] = {
    "checked": "run longer",
    "identities": "run longer, or with fewer identities",
    "backends": "run with more concurrency, or a larger pool",
    "handoffs": "run longer, with more concurrency, or a smaller pool",
    "distinct_handoffs": "run longer, or give rare claim mixes more weight",
    "repeats": "run longer, give it more weight, or take a smaller pool",
    "exposed": "run longer, give it more weight, or see that identities expect different rows of it",
}


class RunVerdict(StrEnum):
    """What a run says about the target."""

    PASS = "pass"  # noqa: S105 -- a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Measured:
    """A threshold beside what was measured.

    Attributes:
        name: Its key in the scenario, such as `p99`.
        limit: The limit: seconds for latencies, a share, a rate, or a count.
        value: What was measured, in the same unit; None when there was no sample.
        held: Whether it held; None when there was no sample.
        window: The length of the windows in which it must hold, in seconds; None where it is over the whole run.
        at: When the worst window ended, in seconds after the run's start; None likewise, or without a sample.
    """

    name: str
    limit: float
    value: float | None
    held: bool | None
    window: float | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst window of a run, of one threshold.

    Attributes:
        value: In the threshold's unit.
        at: When the window ended, in seconds after the run's start.
    """

    value: float
    at: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict of a run.

    Attributes:
        reasons: Sentences for the user, the weightiest first; never empty.
    """

    verdict: RunVerdict
    exit_code: ExitCode
    reasons: tuple[str, ...]
    thresholds: tuple[Measured, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run's verdict rests on.

    Attributes:
        checked: Exchanges of the measured phases judged ok or violation.
        judged: The same of all phases, the warm-up included.
        violations: Exchanges of all phases judged a violation.
        unknown: Exchanges that could not be judged although no fault was on and they were not given up on purpose.
        findings: How many findings the violations make.
        unchecked: Names of what was never checked, such as "request 'list'".
        blind: Why the run could not have seen a leak at all; empty when it could.
        measured: Measured values by threshold name; None where there was no sample.
        least: For thresholds on every request, the request that has the least, such as "request 'list'".
        windows: The worst windows by threshold name; none where no window had a sample.
        unsettled: Why answers of all phases that were not what was expected could not be settled, and how many each.
        excused: Exchanges that could not be judged under a fault, or because they were given up on purpose.
        misplaced: Rows that the audit found other than the run's writes had left them.
        stopped: Why the run ended at its first failure, as it was told to; empty when it did not.
        lost: How a server under test ended in the middle of the run; empty when none did.
        interrupted: The signal's exit code when the run was cut short.
    """

    checked: int
    judged: int
    violations: int
    unknown: int
    findings: int
    unchecked: Sequence[str]
    blind: Sequence[str]
    measured: Mapping[str, float | None]
    least: Mapping[str, str] = field(default_factory=dict)
    windows: Mapping[str, Worst] = field(default_factory=dict)
    unsettled: Mapping[str, int] = field(default_factory=dict)
    excused: int = 0
    misplaced: int = 0
    stopped: str = ""
    lost: str = ""
    interrupted: ExitCode | None = None


def decide(figures: Figures, thresholds: Thresholds) -> Outcome:
    """Give the verdict of a run: a violation outweighs everything, then what makes a green run vacuous."""
    measured = _hold(thresholds, figures)
    if figures.violations or figures.misplaced:
        return Outcome(RunVerdict.FAIL, ExitCode.FAIL, (_failed(figures), *_cut(figures)), measured)
    doubts = [*_doubts(figures), *_unsampled(measured), *_uncovered(measured, figures.least)]
    if figures.interrupted is not None:
        reason = f"interrupted; {figures.checked:,} answers checked until then, every one as expected"
        return Outcome(RunVerdict.INCONCLUSIVE, figures.interrupted, (reason, *doubts), measured)
    broken = tuple(f"{one.name} did not hold{_when(one)}" for one in measured if one.held is False)
    if figures.stopped and broken:
        reason = f"{figures.checked:,} answers checked until then, every one as expected"
        return Outcome(RunVerdict.INCONCLUSIVE, ExitCode.THRESHOLD, (*_cut(figures), reason, *doubts), measured)
    if doubts:
        return Outcome(RunVerdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE, tuple(doubts), measured)
    if broken:
        reason = f"{figures.checked:,} answers checked, every one as expected; but a threshold did not hold"
        return Outcome(RunVerdict.PASS, ExitCode.THRESHOLD, (reason, *broken), measured)
    reason = f"{figures.checked:,} answers checked, every one as expected"
    return Outcome(RunVerdict.PASS, ExitCode.PASS, (reason,), measured)


def _cut(figures: Figures) -> Iterator[str]:
    if figures.stopped:
        yield f"the run ended at its first failure: {figures.stopped}"
    if figures.lost:
        yield f"the run was cut short: {figures.lost}"
    if figures.interrupted is not None:
        yield "the run was interrupted"


def _when(measured: Measured) -> str:
    return "" if measured.at is None else f" in the {measured.window:g} s before {measured.at:.0f} s"


def _failed(figures: Figures) -> str:
    kinds = "1 finding" if figures.findings == 1 else f"{figures.findings} findings"
    answers = f"{figures.violations:,} of {figures.judged:,} answers were wrong"
    are = "row is not as it was" if figures.misplaced == 1 else "rows are not as they were"
    rows = f"{figures.misplaced:,} {are} written" if figures.misplaced else ""
    return f"{', and '.join(filter(None, [answers if figures.violations else '', rows]))}: {kinds}"


def _doubts(figures: Figures) -> Iterator[str]:
    if not figures.checked:
        yield "not one answer could be checked"
    else:
        yield from (f"{name} was never checked: run longer, or give it more weight" for name in figures.unchecked)
    yield from figures.blind
    seen = figures.checked + figures.unknown
    if figures.checked and figures.unknown > seen * _UNKNOWN_SHARE:
        beside = f", beside {figures.excused:,} under a fault or given up on purpose" if figures.excused else ""
        yield f"{figures.unknown:,} of {seen:,} answers could not be judged, more than {_UNKNOWN_SHARE:.0%}{beside}"
    yield from _unsettled(figures)


def _unsettled(figures: Figures) -> Iterator[str]:
    count = sum(figures.unsettled.values())
    seen = figures.judged + count
    if count > seen * _UNSETTLED_SHARE:
        why = max(figures.unsettled, key=lambda reason: figures.unsettled[reason])
        yield (
            f"{count:,} of {seen:,} answers were not as expected, and whether that was wrong could not be settled, "
            f"more than {_UNSETTLED_SHARE:.0%}; most often: {why}"
        )


def _unsampled(measured: Sequence[Measured]) -> Iterator[str]:
    for one in measured:
        if one.held is None:
            short = "" if one.window is None else f": no whole window of {one.window:g} s was measured"
            yield f"threshold {one.name} has no sample to hold it against{short}"


def _uncovered(measured: Sequence[Measured], least: Mapping[str, str]) -> Iterator[str]:
    for one in measured:
        if one.held is False and one.name in _COVERED:
            where = f" for {least[one.name]}" if one.name in least else ""
            what = one.name.replace("_", " ")
            yield f"too little: {one.value:,.0f} {what}{where} where {one.limit:,.0f} are asked; {_COVERED[one.name]}"


def _hold(thresholds: Thresholds, figures: Figures) -> tuple[Measured, ...]:
    limits = {name: limit for name, limit in thresholds if limit is not None}
    return tuple(
        _in_windows(name, limit, figures.windows.get(name))
        if isinstance(limit, Window)
        else Measured(name, limit, value := figures.measured.get(name), held(name, limit, value))
        for name, limit in limits.items()
    )


def _in_windows(name: str, limit: Window, worst: Worst | None) -> Measured:
    if worst is None:
        return Measured(name, limit.limit, None, None, limit.window)
    return Measured(name, limit.limit, worst.value, held(name, limit.limit, worst.value), limit.window, worst.at)


def held(name: str, limit: float, value: float | None) -> bool | None:
    """Whether a threshold held; None when there was no sample."""
    if value is None:
        return None
    return value <= limit if name in UPPER_LIMITS else value >= limit
