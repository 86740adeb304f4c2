"""Cold backends: made anew where a hunt asks for it, so that what leaks at a backend's first use is met again."""

import asyncio
from contextlib import suppress

from loadcheck.errors import EnvironmentProblem
from loadcheck.run.faults.powers import Renew


class ColdBackends:
    """Has the pooler make its connections anew, beside the load: a caller does not wait for it.

    Args:
        renew: Does so; None where the pooler is not loadcheck's, or not PgBouncer.
    """

    def __init__(self, renew: Renew | None) -> None:
        self._renew = renew
        self._wanted = asyncio.Event()

    def want(self) -> None:
        """Have backends made anew for a draw that is to find fresh ones."""
        self._wanted.set()

    async def run(self) -> None:
        """Make backends anew as often as it is wanted, until cancelled."""
        while self._renew is not None:
            await self._wanted.wait()
            self._wanted.clear()
            with suppress(EnvironmentProblem):  # servers that a fault has ended come back with fresh backends
                await self._renew()
