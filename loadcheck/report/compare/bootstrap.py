"""The bootstrap over windows: how far apart two runs are, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Final

_RESAMPLES: Final = 1_000
_TAIL: Final = 0.025


@dataclass(frozen=True, slots=True)
class Effect:
    """By how much one run differs from another, as a share: 0.1 is a tenth more.

    Attributes:
        value: Of the medians of both.
        low: Where the 95 % interval begins.
        high: Where it ends.
    """

    value: float
    low: float
    high: float


def effect(base: Sequence[float], run: Sequence[float], chance: Random) -> Effect:
    """Return how the median of a run's windows differs from a base's.

    The interval is the percentile interval of a moving-block bootstrap (H. R. Künsch, Annals of Statistics 17, 1989):
    neighbouring seconds of a run are alike, so whole stretches are drawn, of the cube root of their number each.

    Args:
        base: Values above 0, in the order of time; one at least.
        run: The same of the other run.
        chance: What is drawn from.
    """
    drawn = sorted(median(_resampled(run, chance)) / median(_resampled(base, chance)) - 1 for _ in range(_RESAMPLES))
    low, high = drawn[int(_TAIL * _RESAMPLES)], drawn[-int(_TAIL * _RESAMPLES) - 1]
    value = median(run) / median(base) - 1
    return Effect(value, min(low, value), max(high, value))


def _resampled(values: Sequence[float], chance: Random) -> list[float]:
    length = max(round(len(values) ** (1 / 3)), 1)
    starts = (chance.randrange(len(values) - length + 1) for _ in range(-(-len(values) // length)))
    return [value for start in starts for value in values[start : start + length]]
