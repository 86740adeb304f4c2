"""What changed from one run to another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from loadcheck.engine.randomness import source
from loadcheck.record.series import Sample
from loadcheck.record.stored import FindingHead
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.compare.interval import Effect, effect
from loadcheck.report.compare.measures import MEASURES, Measure, phases, slowdown, values, windows
from loadcheck.report.headlines import headline

_FEWEST: Final = 7  # windows of which an interval says something
_SLOWED: Final = 1.5  # times that the machine may slow loadcheck down in one run more than in the other
_STRAINED: Final = 4.0  # times; slowed down more, in either run, what is measured is the machine
_HOPS: Final = 2  # an answer passes several processes, and in each of them it waits for a processor
_COVERED: Final = 0.8  # of the base's coverage; less is told
_COVERAGE: Final = ("identities", "backends", "handoffs", "distinct_handoffs")


class Change(StrEnum):
    """What became of a figure, beyond noise and tolerance."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "no clear change"
    UNKNOWN = "too short to tell"
    BUSY = "machine too busy"


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure of one phase in both runs.

    Attributes:
        base: Median over its windows; None where there are none.
        run: The same of the other run.
        effect: The difference; None where there are too few windows.
    """

    phase: str
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
        slowdown: By phase, how many times longer loadcheck's own work took than on a core of its own, in the base and
            in the run.
    """

    tolerance: float
    measured: Sequence[Measured]
    new: Sequence[str]
    gone: Sequence[str]
    coverage: Mapping[str, tuple[int, int]]
    slowdown: Mapping[str, tuple[float, float]]

    @property
    def regressed(self) -> bool:
        """Whether the later run is worse: a new finding, or a figure beyond noise and tolerance."""
        return bool(self.new) or any(each.change is Change.WORSE for each in self.measured)

    @property
    def conclusive(self) -> bool:
        """Whether a phase was long enough to be compared, and the machine left enough to each of these."""
        changes = {each.change for each in self.measured}
        return bool(changes - {Change.UNKNOWN}) and Change.BUSY not in changes

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
    seeds = base.summary["seed"], run.summary["seed"]
    pairs = {phase: _Pair(windows(base, phase), windows(run, phase), seeds) for phase in phases(base, run)}
    figures = sum(_enough(pair, measure) for pair in pairs.values() for measure in MEASURES)
    return Comparison(
        tolerance,
        [_measured(phase, measure, pair, tolerance, figures) for phase, pair in pairs.items() for measure in MEASURES],
        [headline(each) for kind, each in after.items() if kind not in before],
        [headline(each) for kind, each in before.items() if kind not in after],
        dict(_less_covered(base, run)),
        {phase: (slowdown(pair.base), slowdown(pair.run)) for phase, pair in pairs.items()},
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    """The windows of one phase in both runs, and the runs' seeds, by which the same is drawn each time."""

    base: Sequence[Sample]
    run: Sequence[Sample]
    seeds: tuple[int, int]

    @property
    def slowed(self) -> float:
        """How many times more the machine slowed loadcheck down in the later run."""
        return slowdown(self.run) / slowdown(self.base)

    @property
    def strained(self) -> bool:
        """Whether others had so much of the machine that nothing on it can be measured."""
        return max(slowdown(self.base), slowdown(self.run)) > _STRAINED


def _measured(phase: str, measure: Measure, pair: _Pair, tolerance: float, figures: int) -> Measured:
    before, after = values(pair.base, measure), values(pair.run, measure)
    if not _enough(pair, measure):
        return Measured(phase, measure.name, _middle(before), _middle(after), None, Change.UNKNOWN)
    found = effect(before, after, source(*pair.seeds, phase, measure.name), figures)
    change = Change.BUSY if pair.strained else _change(measure, found, tolerance, pair.slowed)
    return Measured(phase, measure.name, _middle(before), _middle(after), found, change)


def _enough(pair: _Pair, measure: Measure) -> bool:
    both = values(pair.base, measure), values(pair.run, measure)
    return all(len(each) >= _FEWEST and min(each) > 0 for each in both)


def _change(measure: Measure, found: Effect, tolerance: float, slowed: float) -> Change:
    """Tell what became of a figure.

    The machine's other work lengthens what loadcheck does as it lengthens what a target beside it does. A change that
    this may explain is not the target's for sure; nor is it sure that nothing changed where this may have hidden it.
    """
    grew, shrank = 1 + found.low, 1 / (1 + found.high)
    if not measure.lower_is_better:
        slowed = 1 / slowed
    if grew > 1 + tolerance:
        worse, sure = measure.lower_is_better, grew > slowed**_HOPS
    elif shrank > 1 / (1 - tolerance):
        worse, sure = not measure.lower_is_better, shrank > slowed**-_HOPS
    else:
        return Change.SAME if 1 / _SLOWED <= slowed <= _SLOWED else Change.BUSY
    if not sure:
        return Change.BUSY
    return Change.WORSE if worse else Change.BETTER


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
