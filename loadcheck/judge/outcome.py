"""The verdict of a whole run, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from loadcheck.errors import ExitCode
from loadcheck.scenario.model import Thresholds

# Above this share of answers that could not be judged, a run without a violation says too little.
_UNKNOWN_SHARE: Final = 0.1
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
_UPPER_LIMITS: Final = frozenset({"p50", "p90", "p95", "p99", "p999", "max", "error_rate", "recovery"})


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
    """

    name: str
    limit: float
    value: float | None
    held: bool | None


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
        misplaced: Rows that the audit found other than the run's writes had left them.
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
    misplaced: int = 0
    interrupted: ExitCode | None = None


def decide(figures: Figures, thresholds: Thresholds) -> Outcome:
    """Give the verdict of a run: a violation outweighs everything, then what makes a green run vacuous."""
    measured = _hold(thresholds, figures.measured)
    if figures.violations or figures.misplaced:
        cut = () if figures.interrupted is None else ("the run was interrupted",)
        return Outcome(RunVerdict.FAIL, ExitCode.FAIL, (_failed(figures), *cut), measured)
    doubts = [*_doubts(figures), *_unsampled(measured), *_uncovered(measured, figures.least)]
    if figures.interrupted is not None:
        reason = f"interrupted; {figures.checked:,} answers checked until then, every one as expected"
        return Outcome(RunVerdict.INCONCLUSIVE, figures.interrupted, (reason, *doubts), measured)
    if doubts:
        return Outcome(RunVerdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE, tuple(doubts), measured)
    broken = tuple(f"{one.name} did not hold" for one in measured if one.held is False)
    if broken:
        reason = f"{figures.checked:,} answers checked, every one as expected; but a threshold did not hold"
        return Outcome(RunVerdict.PASS, ExitCode.THRESHOLD, (reason, *broken), measured)
    reason = f"{figures.checked:,} answers checked, every one as expected"
    return Outcome(RunVerdict.PASS, ExitCode.PASS, (reason,), measured)


def _failed(figures: Figures) -> str:
    kinds = "1 finding" if figures.findings == 1 else f"{figures.findings} findings"
    answers = f"{figures.violations:,} of {figures.judged:,} answers were wrong"
    rows = f"{figures.misplaced:,} rows are not as they were written" if figures.misplaced else ""
    return f"{', and '.join(filter(None, [answers if figures.violations else '', rows]))}: {kinds}"


def _doubts(figures: Figures) -> Iterator[str]:
    if not figures.checked:
        yield "not one answer could be checked"
    else:
        yield from (f"{name} was never checked: run longer, or give it more weight" for name in figures.unchecked)
    yield from figures.blind
    seen = figures.checked + figures.unknown
    if figures.checked and figures.unknown > seen * _UNKNOWN_SHARE:
        yield f"{figures.unknown:,} of {seen:,} answers could not be judged, more than {_UNKNOWN_SHARE:.0%}"


def _unsampled(measured: Sequence[Measured]) -> Iterator[str]:
    return (f"threshold {one.name} has no sample to hold it against" for one in measured if one.held is None)


def _uncovered(measured: Sequence[Measured], least: Mapping[str, str]) -> Iterator[str]:
    for one in measured:
        if one.held is False and one.name in _COVERED:
            where = f" for {least[one.name]}" if one.name in least else ""
            what = one.name.replace("_", " ")
            yield f"too little: {one.value:,.0f} {what}{where} where {one.limit:,.0f} are asked; {_COVERED[one.name]}"


def _hold(thresholds: Thresholds, measured: Mapping[str, float | None]) -> tuple[Measured, ...]:
    limits = {name: limit for name, limit in thresholds if limit is not None}
    return tuple(
        Measured(name, limit, value := measured.get(name), _held(name, limit, value)) for name, limit in limits.items()
    )


def _held(name: str, limit: float, value: float | None) -> bool | None:
    if value is None:
        return None
    return value <= limit if name in _UPPER_LIMITS else value >= limit
