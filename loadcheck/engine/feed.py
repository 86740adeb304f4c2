"""The feed: draws made ready ahead of their sending."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.events import Draw

BATCH: Final = 256
AHEAD: Final = 4
_IN_A_ROW: Final = 32  # draws made in one turn of the event loop: more would make what is due meanwhile late


class Feed:
    """Hands out draws in their order, each only once it is prepared.

    `fill` runs beside the consumers and keeps up to `ahead` batches prepared. A consumer waits for `ready` and then
    takes: nothing that another consumer does comes between the two.

    Args:
        draws: The sequence; it never ends.
        prepare: Awaited with each batch before any draw of it is handed out.
        clock: Measures the waiting.
        batch: How many draws are prepared at once.
        ahead: How many batches are kept ready, at most.
    """

    def __init__(
        self,
        draws: Iterator[Draw],
        prepare: Callable[[Sequence[Draw]], Awaitable[None]],
        clock: Clock,
        *,
        batch: int = BATCH,
        ahead: int = AHEAD,
    ) -> None:
        self._draws = draws
        self._prepare = prepare
        self._clock = clock
        self._batch = batch
        self._low = batch * (ahead - 1)
        self._prepared: deque[Draw] = deque()
        self._room = asyncio.Event()
        self._change = asyncio.Event()
        self._closed = False
        self._hungry_since: float | None = None
        self._starved = 0.0

    @property
    def starved_s(self) -> float:
        """Seconds in which sending waited for the feed: time that is the tool's, not the target's."""
        hungry = self._hungry_since
        return self._starved + (0.0 if hungry is None else self._clock.now() - hungry)

    async def fill(self) -> None:
        """Prepare batch after batch until the feed is closed.

        Raises:
            Exception: what `prepare` raised.
        """
        while not self._closed:
            batch: list[Draw] = []
            while len(batch) < self._batch:
                batch += islice(self._draws, min(self._batch - len(batch), _IN_A_ROW))
                await asyncio.sleep(0)
            await self._prepare(batch)
            self._prepared.extend(batch)
            self._changed()
            while len(self._prepared) > self._low and not self._closed:
                self._room.clear()
                await self._room.wait()

    async def primed(self) -> None:
        """Wait for the first draw, without counting it as starved: nothing is due yet."""
        while not self._prepared and not self._closed:
            self._change.clear()
            await self._change.wait()

    @property
    def at_hand(self) -> bool:
        """Whether a draw can be taken without waiting."""
        return bool(self._prepared) and not self._closed

    async def ready(self) -> bool:
        """Wait until a draw can be taken; False once the feed is closed."""
        while not self._prepared and not self._closed:
            if self._hungry_since is None:
                self._hungry_since = self._clock.now()
            self._change.clear()
            await self._change.wait()
        return not self._closed

    def take(self) -> Draw:
        """Take the next draw, right after `ready` said that there is one."""
        draw = self._prepared.popleft()
        if len(self._prepared) == self._low:
            self._room.set()
        return draw

    def close(self) -> None:
        """Hand out nothing more, and let whoever waits go."""
        self._closed = True
        self._room.set()
        self._changed()

    def _changed(self) -> None:
        if self._hungry_since is not None:
            self._starved += self._clock.now() - self._hungry_since
            self._hungry_since = None
        self._change.set()
