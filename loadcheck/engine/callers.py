"""The virtual callers of a closed loop: each sends again as soon as its last answer is there."""

import math
from collections.abc import Callable
from itertools import repeat

from loadcheck.engine.events import Draw
from loadcheck.engine.feed import Feed
from loadcheck.scenario.phase import Phase


class Callers:
    """Sends for callers that have no message under way, until the phase is over: by its time or by its budget.

    Args:
        phase: A phase with a concurrency.
        began: When it began, in seconds since the run's start.
        feed: Has what they send.
        now: Tells the seconds since the run's start.
        begin: Called with a draw to send now, and the time.

    Attributes:
        over: Whether none of them will send again.
    """

    def __init__(
        self, phase: Phase, began: float, feed: Feed, now: Callable[[], float], begin: Callable[[Draw, float], None]
    ) -> None:
        self._idle = phase.concurrency or 0
        self._end = began + (phase.duration or math.inf)
        self._budget = repeat(None) if phase.budget is None else repeat(None, phase.budget)
        self._feed = feed
        self._now = now
        self._begin = begin
        self.over = not self._idle  # a worker's share of them may be none

    @property
    def starving(self) -> bool:
        """Whether one of them would send, and there is no draw."""
        return self._idle > 0 and not self.over and not self._feed.at_hand

    def answered(self, count: int) -> None:
        """Let so many more of them send."""
        self._idle += count
        self.send()

    def send(self) -> None:
        """Send for all who can."""
        while self._idle and not self.over and self._feed.at_hand:
            now = self._now()
            if now >= self._end or next(self._budget, self) is self:
                self.over = True
                return
            self._idle -= 1
            self._begin(self._feed.take(), now)
