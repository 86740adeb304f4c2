"""The fault `do: abort`: callers that leave, before their answer comes, while it does, or just after."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Final

from loadcheck.engine.events import Draw
from loadcheck.engine.randomness import source
from loadcheck.scenario.fault import Fault

_SHARE: Final = 0.1
_LONGEST_S: Final = 0.05  # some leave at once, and for some the answer is quicker


class Aborts:
    """Makes a share of the callers impatient.

    Args:
        seed: The run's, which decides which exchanges it strikes.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._share = 0.0

    def strike(self, draw: Draw) -> Draw:
        """Return the draw; with little patience if it is one that is given up."""
        if not self._share or draw.patience is not None:
            return draw
        chance = source(self._seed, "abort", draw.seq)
        return replace(draw, patience=chance.uniform(0, _LONGEST_S)) if chance.random() < self._share else draw

    @asynccontextmanager
    async def aborting(self, fault: Fault, _chance: Random) -> AsyncIterator[None]:
        """Strike the draws that are prepared while the context lasts; they are sent within a second or so."""
        self._share = fault.share or _SHARE
        try:
            yield
        finally:
            self._share = 0.0
