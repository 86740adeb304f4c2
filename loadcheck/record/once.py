"""What was seen before, in bounded memory."""

from collections.abc import Hashable


class Once:
    """Tells whether something comes for the first time; what was not seen for long counts as new again.

    Args:
        size: At least so many different ones are remembered, and at most twice as many.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: set[Hashable] = set()
        self._old: set[Hashable] = set()

    def first(self, one: Hashable) -> bool:
        """Remember one; return whether it was not remembered yet."""
        if one in self._young:
            return False
        if len(self._young) >= self._size:
            self._young, self._old = set(), self._young
        self._young.add(one)
        return one not in self._old
