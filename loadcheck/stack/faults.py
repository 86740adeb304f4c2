"""What can be broken in a stack, and how it is mended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from random import Random
from typing import Final

import asyncpg

from loadcheck.errors import EnvironmentProblem
from loadcheck.scenario.fault import Fault, FaultKind
from loadcheck.stack.postgres import Postgres

Act = Callable[[Fault, Random], Awaitable[None]]
Break = Callable[[Fault, Random], AbstractAsyncContextManager[None]]

_DATABASE_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class StackFaults:
    """Makes faults in one stack; those of one program one after another.

    Args:
        postgres: The stack's.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._turns = {name: asyncio.Lock() for name in ("postgres", "pgbouncer", "postgrest")}

    @property
    def breaks(self) -> dict[FaultKind, Break]:
        """What makes each fault: it begins as the context is entered, and is mended as that is left.

        A context raises EnvironmentProblem where its fault cannot be made.
        """
        return {
            FaultKind.TERMINATE_BACKENDS: self._at_once("postgres", self._terminate),
            FaultKind.CANCEL_QUERIES: self._at_once("postgres", self._cancel),
        }

    def _at_once(self, program: str, act: Act) -> Break:
        @asynccontextmanager
        async def breaking(fault: Fault, chance: Random) -> AsyncIterator[None]:
            async with self._turns[program]:
                with _told():
                    await act(fault, chance)
            yield

        return breaking

    async def _terminate(self, fault: Fault, chance: Random) -> None:
        await self._postgres.strike("pg_terminate_backend", fault.share or 1.0, chance, active=False)

    async def _cancel(self, fault: Fault, chance: Random) -> None:
        await self._postgres.strike("pg_cancel_backend", fault.share or 1.0, chance, active=True)


@contextmanager
def _told() -> Iterator[None]:
    """Make one message of what a database says no with."""
    try:
        yield
    except _DATABASE_ERRORS as error:
        raise EnvironmentProblem(f"{type(error).__name__}: {error}".splitlines()[0]) from None
