"""Where requests to a stack go: PostgREST, and the gateway before it where there is one."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadcheck.clock import SystemClock
from loadcheck.identity.keys import SigningKey
from loadcheck.identity.population import Identity
from loadcheck.identity.tokens import Mint
from loadcheck.scenario.stack import Stack
from loadcheck.scenario.target import Jwt
from loadcheck.stack.commands import run_command
from loadcheck.stack.launch import Launcher
from loadcheck.stack.ports import LOOPBACK
from loadcheck.stack.postgres import Postgres
from loadcheck.stack.postgrest import Postgrest, rest_settings
from loadcheck.stack.processes import Process
from loadcheck.stack.programs import POSTGREST, Program

_PAST_POOLER: Final = "-past-pooler"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that runs.

    Attributes:
        url: Where it answers.
        process: The scenario's program.
    """

    url: str
    process: Process


@dataclass(frozen=True, slots=True)
class Entrance:
    """Starts PostgREST and the gateway of one stack, and the second ones that lead past the pooler.

    Attributes:
        program: PostgREST's.
        stack: The scenario's.
        jwt: How tokens are signed.
        key: What they are signed with.
        folder: The scenario's folder, absolute.
        postgres: Where the database is, once it is up.
        launcher: What starts them.
    """

    program: Program
    stack: Stack
    jwt: Jwt
    key: SigningKey
    folder: Path
    postgres: Postgres
    launcher: Launcher

    async def postgrest(self, database: str, suffix: str = "") -> Postgrest:
        """Start PostgREST.

        Args:
            database: DSN of the single role.
            suffix: Of its name.

        Raises:
            EnvironmentProblem: it does not come up.
        """
        settings = rest_settings(self.stack, database, self.key.public_jwk())
        postgrest = Postgrest(self.program, settings, self.launcher, f"{POSTGREST.name}{suffix}")
        claims = {"role": self.stack.role}
        token = Mint(self.jwt, self.folder, SystemClock()).token(Identity(0, 0, "stack", claims, {}))
        await postgrest.up(token or "")
        return postgrest

    async def gateway(self, url: str, pooled: str, suffix: str = "") -> Gateway | None:
        """Start the gateway; return None where the scenario has none.

        Args:
            url: Of PostgREST.
            pooled: DSN of the single role, as PostgREST has it.
            suffix: Of its name.

        Raises:
            EnvironmentProblem: it does not come up.
        """
        if self.stack.gateway is None:
            return None
        values = {"url": url, "database": self._direct, "pooled_database": pooled}
        port, process = await run_command(f"gateway{suffix}", self.stack.gateway, values, self.folder, self.launcher)
        return Gateway(f"http://{LOOPBACK}:{port}", process)

    @asynccontextmanager
    async def past_pooler(self) -> AsyncIterator[str]:
        """Keep a second PostgREST, and gateway, straight on PostgreSQL, and yield where requests to it go.

        Raises:
            EnvironmentProblem: one of them does not come up.
        """
        postgrest = await self.postgrest(self._direct, _PAST_POOLER)
        try:
            # Nobody waits for these: where one ends, what is asked of it finds no answer.
            self.launcher.dismissed.add(postgrest.process.pid)
            gateway = await self.gateway(postgrest.url, self._direct, _PAST_POOLER)
            if gateway is None:
                yield postgrest.url
                return
            self.launcher.dismissed.add(gateway.process.pid)
            try:
                yield gateway.url
            finally:
                await self.launcher.end(gateway.process, signal.SIGTERM)
        finally:
            # Not kindly: it would wait for connections that its askers keep open.
            await self.launcher.end(postgrest.process, signal.SIGKILL)

    @property
    def _direct(self) -> str:
        return self.postgres.role.dsn(self.postgres.port)
