"""How rare a leak must be to have been missed, and how much must be seen to rule out a rarer one."""

import math
from typing import Final

_DOUBT: Final = 0.05


def upper_95(chances: int) -> float | None:
    """Return the rate of leaks that none seen in so many chances rules out with 95 % confidence; None without one.

    With n chances and no leak: 1 - 0.05^(1/n), the exact form of the rule of three
    (J. A. Hanley and A. Lippman-Hand, JAMA 249, 1983).
    """
    return 1 - _DOUBT ** (1 / chances) if chances else None


def chances_for(rate: float) -> int:
    """Return how many chances without a leak rule out a rate above 0 and below 1 with the same confidence."""
    return math.ceil(math.log(_DOUBT) / math.log1p(-rate))
