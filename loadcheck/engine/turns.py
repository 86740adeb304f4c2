"""Two ways to draw from a fixed choice: by weight, and by turns."""

from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Weighted(Generic[T]):
    """Draws one of several by weight; what weighs nothing is never drawn.

    Attributes:
        total: Of the weights; 0 when there is nothing to draw.
    """

    def __init__(self, weights: Mapping[T, float], chance: Random) -> None:
        self._items = [item for item, weight in weights.items() if weight > 0]
        self._edges = list(accumulate(weights[item] for item in self._items))
        # A product with a number just below 1 may round up to the last edge, so the last item is the limit.
        self._last = len(self._items) - 1
        self._random = chance.random
        self.total = self._edges[-1] if self._edges else 0.0

    def draw(self) -> T:
        """Draw one; there must be something to draw."""
        if not self._last:
            return self._items[0]
        return self._items[bisect(self._edges, self._random() * self.total, 0, self._last)]


class Turns(Generic[T]):
    """Draws each member once, in a random order, before it draws one again: a shuffle made one step a draw."""

    def __init__(self, members: Sequence[T], chance: Random) -> None:
        self._members = list(members)
        self._bits = chance.getrandbits
        self._at = 0

    def __len__(self) -> int:
        """Return how many members there are."""
        return len(self._members)

    def draw(self) -> T:
        """Draw one; there must be a member."""
        members, at = self._members, self._at
        left = len(members) - at
        # What Random.randrange does beside checking what it is given.
        bits = left.bit_length()
        while (chosen := self._bits(bits)) >= left:
            pass
        chosen += at
        drawn = members[chosen]
        members[chosen], members[at] = members[at], drawn
        self._at = at + 1 if left > 1 else 0
        return drawn
