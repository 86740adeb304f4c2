"""Exchanges that ended, gathered until there are enough to be told together."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from loadcheck.engine.events import Exchange

# What is told holds up the answers that come meanwhile: so many take a fraction of a millisecond to judge and record.
_ENOUGH: Final = 64
_WITHIN_S: Final = 0.025


class Gathering:
    """Tells of many exchanges at once, or of what there is after a moment.

    Judging and recording are other code on other data than sending is. Where an exchange is told alone, the processor's
    caches hold neither: docs/performance.md tells what that costs.

    Args:
        tell: Called with them on the event loop, but never from within `add`.
    """

    def __init__(self, tell: Callable[[Sequence[Exchange]], None]) -> None:
        self._tell = tell
        self._ended: list[Exchange] = []
        self._due: asyncio.Handle | None = None
        self._soon = False

    def add(self, exchanges: Sequence[Exchange]) -> None:
        """Gather more of them."""
        self._ended += exchanges
        enough, loop = len(self._ended) >= _ENOUGH, asyncio.get_running_loop()
        if enough and not self._soon:
            self._cancel()
            self._due, self._soon = loop.call_soon(self.tell), True
        elif self._due is None:
            self._due = loop.call_later(_WITHIN_S, self.tell)

    def tell(self) -> None:
        """Tell of what there is now."""
        self._cancel()
        if self._ended:
            ended, self._ended = self._ended, []
            self._tell(ended)

    def _cancel(self) -> None:
        if self._due is not None:
            self._due.cancel()
        self._due, self._soon = None, False
