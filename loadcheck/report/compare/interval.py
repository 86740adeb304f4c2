"""How far apart two runs are, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, fmean, variance
from typing import Final

_BATCHES: Final = 20
_DOUBT: Final = 0.05


@dataclass(frozen=True, slots=True)
class Effect:
    """By how much one run differs from another, as a share: 0.1 is a tenth more.

    Attributes:
        value: Of the geometric means of both.
        low: Where the interval begins.
        high: Where it ends.
    """

    value: float
    low: float
    high: float


def effect(base: Sequence[float], run: Sequence[float], figures: int = 1) -> Effect:
    """Return how a run's windows differ from a base's, with an interval that all figures hold together in 95 %.

    The interval is Welch's for the difference of two means (B. L. Welch, Biometrika 34, 1947) of the logarithms of 20
    batches at most: neighbouring seconds of a run are alike, so whole stretches of it are counted as one (B. Schmeiser,
    Operations Research 30, 1982). A percentile bootstrap, which it replaces, is too narrow for the ten or so windows
    that a short phase has.

    Args:
        base: Values above 0, in the order of time; three at least.
        run: The same of the other run.
        figures: How many are looked at: each has its part of the 5 % (Bonferroni).
    """
    before, after = _batches(base), _batches(run)
    first, second = variance(before) / len(before), variance(after) / len(after)
    value = fmean(after) - fmean(before)
    both = first + second
    spread = first**2 / (len(before) - 1) + second**2 / (len(after) - 1)
    half = _quantile(1 - _DOUBT / 2 / figures, both**2 / spread) * math.sqrt(both) if spread else 0.0
    return Effect(*(math.expm1(each) for each in (value, value - half, value + half)))


def _batches(values: Sequence[float]) -> list[float]:
    logs = [math.log(value) for value in values]
    number = min(len(logs), _BATCHES)
    edges = [round(index * len(logs) / number) for index in range(number + 1)]
    return [fmean(logs[first:last]) for first, last in pairwise(edges)]


def _quantile(chance: float, freedom: float) -> float:
    """Return a quantile of Student's t, by its expansion: Abramowitz and Stegun, 26.7.5."""
    z = NormalDist().inv_cdf(chance)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))
