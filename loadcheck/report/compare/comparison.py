"""What changed from one run to another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from loadcheck.engine.randomness import source
from loadcheck.record.series import Sample
from loadcheck.record.stored import FindingHead
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.compare.interval import FEWEST, Effect, effect
from loadcheck.report.compare.measures import (
    MEASURES,
    Measure,
    answers,
    dense,
    measured_phases,
    phases,
    slowdown,
    values,
    windows,
)
from loadcheck.report.headlines import headline

_SLOWED: Final = 1.5  # times that the machine may slow loadcheck down in one run more than in the other
_STRAINED: Final = 4.0  # times; slowed down more, in either run, what is measured is the machine
_HOPS: Final = 2  # an answer passes several processes, and in each of them it waits for a processor
_OPEN: Final = 3  # tolerances, one upon the other; a figure that may be worse by more is not called unchanged
_COVERED: Final = 0.8  # of the base's coverage; less is told
_COVERAGE: Final = ("identities", "backends", "handoffs", "distinct_handoffs")


class Change(StrEnum):
    """What became of a figure, beyond noise and tolerance; machines read it, so these words stay."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    UNKNOWN = "unknown"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure of one phase in both runs.

    Attributes:
        base: Median over its windows; None where there are none.
        run: The same of the other run.
        effect: The difference; None where there are too few windows, or too few answers in them.
    """

    phase: str
    name: str
    base: float | None
    run: float | None
    effect: Effect | None
    change: Change

    @property
    def uncertain(self) -> bool:
        """Whether there were enough windows, and they say too little."""
        return self.change is Change.UNKNOWN and self.effect is not None


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
        unlike: In what the two are not runs of the same: sentences about the scenario, and phases that only one has.
    """

    tolerance: float
    measured: Sequence[Measured]
    new: Sequence[str]
    gone: Sequence[str]
    coverage: Mapping[str, tuple[int, int]]
    slowdown: Mapping[str, tuple[float, float]]
    unlike: Sequence[str]

    @property
    def regressed(self) -> bool:
        """Whether the later run is worse: a new finding, or a figure beyond noise and tolerance."""
        return bool(self.new) or any(each.change is Change.WORSE for each in self.measured)

    @property
    def conclusive(self) -> bool:
        """Whether a phase was long enough to be compared, and each of these could be told."""
        compared = {each.change for each in self.measured if each.effect is not None}
        return bool(compared) and not compared & {Change.UNKNOWN, Change.BUSY}

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
        list(_unlike(base, run)),
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

    @property
    def answered(self) -> bool:
        """Whether the base got any answer: what stood still in both runs did not stay as good as it was."""
        return any(map(answers, self.base))


def _measured(phase: str, measure: Measure, pair: _Pair, tolerance: float, figures: int) -> Measured:
    before, after = values(pair.base, measure), values(pair.run, measure)
    if not _enough(pair, measure):
        return Measured(phase, measure.name, _middle(before), _middle(after), None, Change.UNKNOWN)
    found = effect(before, after, source(*pair.seeds, phase, measure.name), figures)
    change = Change.BUSY if pair.strained else _change(measure, found, tolerance, pair.slowed)
    return Measured(phase, measure.name, _middle(before), _middle(after), found, change)


def _enough(pair: _Pair, measure: Measure) -> bool:
    both = values(pair.base, measure), values(pair.run, measure)
    if not (pair.answered and dense(pair.base, measure)):
        return False
    return all(len(each) >= FEWEST and min(each) > 0 for each in both)


def _change(measure: Measure, found: Effect, tolerance: float, slowed: float) -> Change:
    """Tell what became of a figure.

    The machine's other work lengthens what loadcheck does as it lengthens what a target beside it does. A change that
    this may explain is not the target's for sure; nor is it sure that nothing changed where this may have hidden it, or
    where the noise may.
    """
    least, most = 1 + found.low, 1 + found.high
    if not measure.lower_is_better:
        slowed = 1 / slowed
    if least > 1 + tolerance:
        worse, sure = measure.lower_is_better, least > slowed**_HOPS
    elif most < 1 - tolerance:
        worse, sure = not measure.lower_is_better, most < slowed**_HOPS
    elif not 1 / _SLOWED <= slowed <= _SLOWED:
        return Change.BUSY
    else:
        return Change.UNKNOWN if _open(measure, least, most, tolerance) else Change.SAME
    if not sure:
        return Change.BUSY
    return Change.WORSE if worse else Change.BETTER


def _open(measure: Measure, least: float, most: float, tolerance: float) -> bool:
    """Tell whether a figure that grew by so many times may be far worse."""
    if measure.lower_is_better:
        return most > (1 + tolerance) ** _OPEN
    return least < (1 - tolerance) ** _OPEN


def _middle(values: Sequence[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def _unlike(base: StoredRun, run: StoredRun) -> Iterator[str]:
    before, after = base.summary["scenario"], run.summary["scenario"]
    if after != before:
        yield f"scenario {after}, where the base is of {before}"
    theirs, ours = measured_phases(base), measured_phases(run)
    yield from (f"phase {name} is in the base only" for name in theirs if name not in ours)
    yield from (f"phase {name} is not in the base" for name in ours if name not in theirs)


def _by_kind(findings: Sequence[FindingHead]) -> dict[tuple[str, ...], FindingHead]:
    """Tell findings apart by what does not vary with the seed, nor with how far a run got in looking for the source."""
    return {_kind(each): each for each in reversed(findings)}


def _kind(finding: FindingHead) -> tuple[str, ...]:
    return finding["symptom"], finding["request"], finding["victim"]["identity"]


def _less_covered(base: StoredRun, run: StoredRun) -> Iterator[tuple[str, tuple[int, int]]]:
    for name in _COVERAGE:
        before, after = base.summary["coverage"].get(name), run.summary["coverage"].get(name)
        if isinstance(before, int) and before and (not isinstance(after, int) or after < before * _COVERED):
            yield name, (before, after if isinstance(after, int) else 0)
