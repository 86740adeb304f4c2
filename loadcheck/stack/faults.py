"""What can be broken in a stack, and how it is mended."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from random import Random
from typing import Final

import asyncpg

from loadcheck.errors import EnvironmentProblem
from loadcheck.identity.keys import signing_key
from loadcheck.oracle.database import GONE
from loadcheck.scenario.fault import Fault, FaultKind
from loadcheck.scenario.target import Jwt
from loadcheck.stack.keys import renewed
from loadcheck.stack.launch import Launcher
from loadcheck.stack.network import Network
from loadcheck.stack.pgbouncer import Bouncer
from loadcheck.stack.postgres import Postgres
from loadcheck.stack.postgrest import Postgrest

Act = Callable[[], Awaitable[None]]
Break = Callable[[Fault, Random], AbstractAsyncContextManager[Jwt | None]]

_DATABASE_ERRORS: Final = (asyncpg.PostgresError, *GONE)


class StackFaults:
    """Makes faults in one stack; those of one program one after another.

    Args:
        postgres: The stack's.
        bouncer: The stack's, if it has one.
        postgrest: The stack's.
        network: The stretches between them.
        jwt: How its tokens are signed.
        launcher: Keeps secrets, and the folder.

    Attributes:
        jwt: How its tokens are signed just now.
    """

    def __init__(
        self,
        postgres: Postgres,
        bouncer: Bouncer | None,
        postgrest: Postgrest,
        network: Network,
        jwt: Jwt,
        launcher: Launcher,
    ) -> None:
        self.jwt = jwt
        self._launcher = launcher
        self._postgres = postgres
        self._bouncer = bouncer
        self._postgrest = postgrest
        self._network = network
        self._turns = {name: asyncio.Lock() for name in ("postgres", "pgbouncer", "postgrest")}

    @property
    def breaks(self) -> dict[FaultKind, Break]:
        """What makes each fault: it begins as the context is entered, and is mended as that is left.

        A context raises EnvironmentProblem where its fault cannot be made, and yields the new key if it changed that.
        """
        postgres, postgrest = self._postgres, self._postgrest
        return {
            FaultKind.TERMINATE_BACKENDS: self._struck("pg_terminate_backend", active=False),
            FaultKind.CANCEL_QUERIES: self._struck("pg_cancel_backend", active=True),
            FaultKind.POSTGRES_RESTART: self._between("postgres", postgres.down, postgres.up_again),
            FaultKind.POSTGRES_CRASH: self._between("postgres", postgres.crash, postgres.up_again),
            FaultKind.SCHEMA_RELOAD: self._between("postgrest", postgrest.reload_schema, _nothing),
            FaultKind.CONFIG_RELOAD: self._between("postgrest", postgrest.reload_config, _nothing),
            FaultKind.ROTATE_JWT_SECRET: self._rotating,
            FaultKind.POSTGREST_RESTART: self._between("postgrest", postgrest.down, postgrest.up_again),
            FaultKind.SLOW: self._network.breaking,
            FaultKind.CUT: self._network.breaking,
            **(self._pooled(self._bouncer) if self._bouncer else {}),
        }

    async def revive(self) -> None:
        """Start PostgREST again, unless that was done already; it may take several times where it trips at its start.

        Raises:
            EnvironmentProblem: it does not come up.
        """
        async with self._turns["postgrest"]:
            for last in (False, False, True):
                if not self._postgrest.process.ended.done():
                    return
                try:
                    # Prepared statements that the one before left on a backend would end this one as well.
                    with database_problems():
                        await self._postgres.end_backends()
                    await self._postgrest.up_again()
                except EnvironmentProblem:
                    if last:
                        raise

    async def start_over(self) -> None:
        """End PostgREST and what it has used, and start it again: nothing is left that a pooler keeps for a client.

        Raises:
            EnvironmentProblem: one of them does not end, or PostgREST does not come up.
        """
        async with self._turns["postgrest"]:
            try:
                await self._postgrest.down()
                with database_problems():
                    await self._postgres.end_backends()
            finally:
                await self._postgrest.up_again()

    def _pooled(self, bouncer: Bouncer) -> dict[FaultKind, Break]:
        def ended(how: signal.Signals) -> Break:
            return self._between("pgbouncer", lambda: bouncer.down(how), bouncer.up_again)

        def told(command: str, then: Act) -> Break:
            return self._between("pgbouncer", lambda: bouncer.command(command), then)

        return {
            FaultKind.PGBOUNCER_RECONNECT: told("RECONNECT", _nothing),
            FaultKind.PGBOUNCER_PAUSE: told("PAUSE", lambda: bouncer.command("RESUME")),
            FaultKind.PGBOUNCER_RESTART: ended(signal.SIGTERM),
            FaultKind.PGBOUNCER_KILL: ended(signal.SIGKILL),
        }

    def _between(self, program: str, first: Act, then: Act) -> Break:
        """Make a fault of what breaks a program and what mends it."""

        @asynccontextmanager
        async def breaking(_fault: Fault, _chance: Random) -> AsyncIterator[None]:
            async with self._turns[program]:
                with database_problems():
                    try:
                        await first()
                        yield
                    finally:
                        await then()

        return breaking

    @asynccontextmanager
    async def _rotating(self, _fault: Fault, _chance: Random) -> AsyncIterator[Jwt]:
        async with self._turns["postgrest"]:
            jwt = renewed(self.jwt, self._launcher.folder)
            key = signing_key(jwt, self._launcher.folder)
            if jwt.algorithm.symmetric:
                self._launcher.keep_secret(str(key.public_jwk()["k"]), jwt.secret.get_secret_value())
            await self._postgrest.rekey(key.public_jwk())
            self.jwt = jwt
        yield jwt

    def _struck(self, function: str, *, active: bool) -> Break:
        """Make a fault of what is done to a share of the backends."""

        @asynccontextmanager
        async def breaking(fault: Fault, chance: Random) -> AsyncIterator[None]:
            async with self._turns["postgres"]:
                with database_problems():
                    await self._postgres.strike(function, fault.share or 1.0, chance, active=active)
            yield

        return breaking


async def _nothing() -> None:
    """Mend what mends itself."""


@contextmanager
def database_problems() -> Iterator[None]:
    """Make one message of what a database says no with, or goes away with in the middle of an answer.

    Raises:
        EnvironmentProblem: it did.
    """
    try:
        yield
    except _DATABASE_ERRORS as error:
        raise EnvironmentProblem(f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")) from None
