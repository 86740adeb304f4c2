"""What changed from one run to another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from loadcheck.engine.randomness import source
from loadcheck.record.stored import FindingHead
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.compare.bootstrap import Effect, effect
from loadcheck.report.compare.measures import MEASURES, Measure, windows
from loadcheck.report.headlines import headline

_FEWEST: Final = 5  # windows of which a median says something
_COVERED: Final = 0.8  # of the base's coverage; less is told
_COVERAGE: Final = ("identities", "backends", "handoffs", "distinct_handoffs")


class Change(StrEnum):
    """What became of a figure, beyond noise and tolerance."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "no change beyond noise"
    UNKNOWN = "too short to tell"


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure in both runs.

    Attributes:
        base: Median over its windows; None where there are none.
        run: The same of the other run.
        effect: The difference; None where there are too few windows.
    """

    name: str
    base: float | None
    run: float | None
    effect: Effect | None
    change: Change


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, compared.

    Attributes:
        measured: The figures.
        new: Headlines of findings that only the later run has.
        gone: Headlines of those that only the base has.
        coverage: By name, of the base and of the run, where the run covered clearly less.
    """

    tolerance: float
    measured: Sequence[Measured]
    new: Sequence[str]
    gone: Sequence[str]
    coverage: Mapping[str, tuple[int, int]]

    @property
    def regressed(self) -> bool:
        """Whether the later run is worse: a new finding, or a figure beyond noise and tolerance."""
        return bool(self.new) or any(each.change is Change.WORSE for each in self.measured)

    @property
    def conclusive(self) -> bool:
        """Whether every figure could be compared."""
        return all(each.change is not Change.UNKNOWN for each in self.measured)

    def as_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"regressed": self.regressed, "conclusive": self.conclusive, **asdict(self)}


def compare(base: StoredRun, run: StoredRun, tolerance: float) -> Comparison:
    """Compare a run with an earlier one.

    Args:
        base: The earlier run.
        run: The later one.
        tolerance: The share by which a figure may get worse: two runs of one build differ by more than the noise
            within each.
    """
    before, after = _by_kind(base.summary["findings"]), _by_kind(run.summary["findings"])
    return Comparison(
        tolerance,
        [_measured(measure, base, run, tolerance) for measure in MEASURES],
        [headline(each) for kind, each in after.items() if kind not in before],
        [headline(each) for kind, each in before.items() if kind not in after],
        dict(_less_covered(base, run)),
    )


def _measured(measure: Measure, base: StoredRun, run: StoredRun, tolerance: float) -> Measured:
    before, after = windows(base, measure), windows(run, measure)
    if min(len(before), len(after)) < _FEWEST or min(*before, *after) <= 0:
        return Measured(measure.name, _middle(before), _middle(after), None, Change.UNKNOWN)
    found = effect(before, after, source(0, "compare", measure.name))
    return Measured(measure.name, _middle(before), _middle(after), found, _change(measure, found, tolerance))


def _change(measure: Measure, found: Effect, tolerance: float) -> Change:
    if found.low > tolerance:
        return Change.WORSE if measure.lower_is_better else Change.BETTER
    if found.high < -tolerance:
        return Change.BETTER if measure.lower_is_better else Change.WORSE
    return Change.SAME


def _middle(values: Sequence[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def _by_kind(findings: Sequence[FindingHead]) -> dict[tuple[str, ...], FindingHead]:
    """Tell findings apart by what does not vary with the seed."""
    return {_kind(each): each for each in reversed(findings)}


def _kind(finding: FindingHead) -> tuple[str, ...]:
    source_mix = finding["source"]["identity"] if finding["source"] else ""
    return finding["symptom"], finding["request"], finding["victim"]["identity"], source_mix


def _less_covered(base: StoredRun, run: StoredRun) -> Iterator[tuple[str, tuple[int, int]]]:
    for name in _COVERAGE:
        before, after = base.summary["coverage"].get(name), run.summary["coverage"].get(name)
        if isinstance(before, int) and before and (not isinstance(after, int) or after < before * _COVERED):
            yield name, (before, after if isinstance(after, int) else 0)
