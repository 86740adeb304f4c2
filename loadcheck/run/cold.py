"""Cold backends: made anew where a hunt asks for it, so that what leaks at a backend's first use is met again."""

import asyncio
from contextlib import suppress
from random import Random
from typing import Final

from loadcheck.engine.events import Draw
from loadcheck.errors import EnvironmentProblem
from loadcheck.run.faults import Break
from loadcheck.scenario.fault import Fault, FaultKind

_FAULT: Final = Fault(do=FaultKind.PGBOUNCER_RECONNECT)


class ColdBackends:
    """Has the pooler make its connections anew, beside the load: a caller does not wait for it.

    Args:
        reconnect: Makes that fault; None where the pooler is not loadcheck's, or not PgBouncer.
        chance: What a fault may draw from.
    """

    def __init__(self, reconnect: Break | None, chance: Random) -> None:
        self._reconnect = reconnect
        self._chance = chance
        self._wanted = asyncio.Event()

    def sending(self, draw: Draw) -> None:
        """Take note of a draw that is to find fresh backends."""
        if draw.cold:
            self._wanted.set()

    async def run(self) -> None:
        """Make backends anew as often as it is wanted, until cancelled."""
        while self._reconnect is not None:
            await self._wanted.wait()
            self._wanted.clear()
            with suppress(EnvironmentProblem):  # a pooler that a fault has ended comes back with fresh backends
                async with self._reconnect(_FAULT, self._chance):
                    pass
