"""The one clock of a run, handed to whatever needs the time, so that tests can hand in another."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Time as loadcheck uses it."""

    def now(self) -> float:
        """Seconds of a clock that never goes back, from an arbitrary start."""
        ...

    def wall(self) -> float:
        """Seconds since 1970, UTC, as the machine believes."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; at once when `seconds` is not positive."""
        ...


class SystemClock:
    """The machine's clocks.

    Attributes:
        now: Seconds of the monotonic clock. The function itself, for it is called several times an exchange.
    """

    now = staticmethod(time.perf_counter)

    def wall(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running event loop."""
        await asyncio.sleep(max(0.0, seconds))
