"""How late the generator itself was: what it measures of the target is no finer than this."""

import math
from typing import Final

from loadcheck.clock import Clock

_FINEST_S: Final = 1e-6
_STEPS_PER_DOUBLING: Final = 4
_STEPS: Final = 30 * _STEPS_PER_DOUBLING


class Lateness:
    """Counts lateness in buckets of which each is a fifth wider than the one before, from a microsecond up."""

    def __init__(self) -> None:
        self._counts = [0] * (_STEPS + 1)
        self.samples = 0
        self.max_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one lateness, in seconds."""
        doublings = math.log2(max(seconds, _FINEST_S) / _FINEST_S)
        self._counts[min(math.ceil(doublings * _STEPS_PER_DOUBLING), _STEPS)] += 1
        self.samples += 1
        self.max_s = max(self.max_s, seconds)

    @property
    def p99_s(self) -> float:
        """Seconds by which all but the latest hundredth were late at most; 0 without a sample."""
        rank = math.ceil(self.samples * 0.99)
        for step, amount in enumerate(self._counts):
            rank -= amount
            if rank <= 0:
                return min(_FINEST_S * 2 ** (step / _STEPS_PER_DOUBLING), self.max_s)
        return self.max_s


async def watch(clock: Clock, every_s: float, lateness: Lateness) -> None:
    """Sample how late the event loop runs what is due, until cancelled."""
    while True:
        due = clock.now() + every_s
        await clock.sleep(every_s)
        lateness.add(clock.now() - due)
