"""Coverage: how often backends changed hands, which is the only place where a setting can leak."""

from collections import Counter
from itertools import pairwise
from typing import Final

from loadcheck.engine.events import Draw
from loadcheck.judge.stamp import Stamp

# Answers of one backend are read nearly in the order in which they were made: this many are kept to put them in order.
_REORDERED: Final = 8

_Use = tuple[int, int, int]
"""Transaction time, identity, claim mix."""


class Coverage:
    """Counts handoffs from the stamps of a run, in memory that grows with its backends only.

    Attributes:
        stamped: Answers that carried a stamp.
        handoffs: Consecutive transactions on one backend for two different identities.
    """

    def __init__(self) -> None:
        self.stamped = 0
        self.handoffs = 0
        self._recent: dict[int, list[_Use]] = {}
        self._kinds: Counter[tuple[int, int]] = Counter()

    def add(self, draw: Draw, mix: int, stamp: Stamp) -> None:
        """Count one stamped answer.

        Args:
            draw: What was asked.
            mix: The claim mix of the identity that asked.
            stamp: The stamp on its answer.
        """
        self.stamped += 1
        recent = self._recent.setdefault(stamp.pid, [])
        recent.append((stamp.at, draw.identity, mix))
        recent.sort()
        if len(recent) > _REORDERED:
            self._count(recent.pop(0), recent[0])

    def close(self) -> None:
        """Count what is still kept: nothing more will come."""
        for recent in self._recent.values():
            for earlier, later in pairwise(recent):
                self._count(earlier, later)
            del recent[:-1]

    @property
    def backends(self) -> int:
        """How many backends answered."""
        return len(self._recent)

    @property
    def distinct_handoffs(self) -> int:
        """How many ordered pairs of claim mixes a backend was handed between, one identity after another."""
        return len(self._kinds)

    @property
    def leak_rate_upper_95(self) -> float | None:
        """The rate of leaks a handoff that none seen rules out with 95 % confidence; None without a handoff.

        With n handoffs and no leak: 1 - 0.05^(1/n), the exact form of the rule of three
        (J. A. Hanley and A. Lippman-Hand, JAMA 249, 1983).
        """
        return 1 - 0.05 ** (1 / self.handoffs) if self.handoffs else None

    def _count(self, earlier: _Use, later: _Use) -> None:
        # The same transaction twice is an answer that was kept and given out again, not a handoff.
        if earlier[0] != later[0] and earlier[1] != later[1]:
            self.handoffs += 1
            self._kinds[earlier[2], later[2]] += 1
