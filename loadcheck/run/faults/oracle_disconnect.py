"""The fault `oracle-disconnect`: loadcheck's own connections to the database are lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from loadcheck.oracle.database import Database
from loadcheck.scenario.fault import Fault


@dataclass(frozen=True, slots=True)
class OracleDisconnect:
    """Cuts off the oracle, which connects again by itself.

    Attributes:
        database: Its connections.
    """

    database: Database

    @asynccontextmanager
    async def breaking(self, _fault: Fault, _chance: Random) -> AsyncIterator[None]:
        """Lose every connection as the context is entered."""
        self.database.disconnect()
        yield
