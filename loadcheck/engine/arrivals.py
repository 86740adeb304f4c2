"""When the exchanges of an open-loop phase should start, whatever the target does."""

import math
from collections.abc import Iterator
from itertools import accumulate, count, islice, repeat, takewhile
from random import Random

from loadcheck.scenario.phase import Phase


def arrivals(phase: Phase, chance: Random) -> Iterator[float]:
    """Yield the intended starts of an open-loop phase, in seconds since its start, never falling.

    Constant arrivals come whenever the rate adds up to another whole one, the first at once. Poisson arrivals
    are as independent of each other as strangers are: their gaps are exponential. On a ramp both follow the
    rate as it changes. They end with the phase's duration, or after its `requests`.

    Args:
        phase: A phase with a rate.
        chance: The randomness of Poisson arrivals.
    """
    rate, duration = phase.rate or 0.0, phase.duration or math.inf
    slope = ((phase.ramp_to or rate) - rate) / duration
    due = _poisson(chance) if phase.arrivals == "poisson" else map(float, count())
    times = (_when(amount, rate, slope) for amount in due)
    return islice(takewhile(lambda at: at < duration, times), phase.requests)


def _poisson(chance: Random) -> Iterator[float]:
    """Yield the arrivals of a Poisson process of rate 1, which the phase's own rate then stretches."""
    return accumulate(map(chance.expovariate, repeat(1.0)))


def _when(amount: float, rate: float, slope: float) -> float:
    """Return when `rate * t + slope * t**2 / 2`, the arrivals due by t, reaches an amount.

    This form of the root holds for a slope of zero too. The amounts that a falling rate never reaches get times
    from the one at which it is zero on: all after the phase's end.
    """
    return 2 * amount / (rate + math.sqrt(max(0.0, rate * rate + 2 * slope * amount)))
