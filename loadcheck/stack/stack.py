"""A stack that runs: PostgreSQL, a pooler, PostgREST and a gateway."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from loadcheck.scenario.base import Scalar
from loadcheck.scenario.fault import FaultKind
from loadcheck.scenario.target import Jwt
from loadcheck.stack.faults import Break, StackFaults
from loadcheck.stack.launch import Launcher
from loadcheck.stack.postgres import Postgres
from loadcheck.stack.postgrest import Postgrest
from loadcheck.stack.processes import Process, Processes
from loadcheck.stack.programs import POSTGREST

_PATROL_S: Final = 0.5
_REVIVALS: Final = 100  # of one stack: more than that, and nothing would be tested any more


@dataclass(frozen=True, slots=True)
class EmbeddedStack:
    """A stack that runs.

    Attributes:
        url: Where requests go: the gateway, or PostgREST where there is none.
        rest_url: PostgREST itself.
        ready_url: Answers 200 while PostgREST is well.
        database: DSN of the owner, straight to PostgreSQL: the oracle's.
        pooled_database: DSN of the single role through the pooler, as PostgREST has it.
        superuser: DSN of a superuser, straight to PostgreSQL.
        console: DSN of PgBouncer's console; empty where another pooler, or none, is used.
        versions: Of postgres, pgbouncer and postgrest.
        settings: PgBouncer's own and PostgREST's, those that are secret left out.
        past_pooler: Keeps a second PostgREST, and gateway where there is one, for as long as it is entered, and yields
            where requests to it go: the same as the first, but straight on PostgreSQL. None where there is no pooler.
        renew: Has PgBouncer make its connections anew, where that does no harm just now; None without PgBouncer.
    """

    url: str
    rest_url: str
    ready_url: str
    database: str = field(repr=False)
    pooled_database: str = field(repr=False)
    superuser: str = field(repr=False)
    console: str = field(repr=False)
    versions: Mapping[str, str]
    settings: Mapping[str, Scalar]
    past_pooler: Callable[[], AbstractAsyncContextManager[str]] | None = field(repr=False)
    renew: Callable[[], Awaitable[None]] | None = field(repr=False)
    _faults: StackFaults = field(repr=False)
    _postgres: Postgres = field(repr=False)
    _postgrest: Postgrest = field(repr=False)
    _launcher: Launcher = field(repr=False)
    _processes: Processes = field(repr=False)

    @property
    def jwt(self) -> Jwt:
        """How tokens for it are signed, with the key of just now."""
        return self._faults.jwt

    @property
    def breaks(self) -> Mapping[FaultKind, Break]:
        """What makes each fault: it begins as the context is entered, and is mended as that is left."""
        return self._faults.breaks

    @property
    def folder(self) -> Path:
        """Where everything of it is; gone when it is."""
        return self._launcher.folder

    @property
    def pids(self) -> dict[str, int]:
        """The programs that run, by name: postgres, pgbouncer or pooler, postgrest, gateway."""
        return {name: process.pid for name, process in self._processes.running.items()}

    async def reload_schema(self) -> None:
        """Have PostgREST read the schema again, and return when it has.

        Raises:
            EnvironmentProblem: it did not.
        """
        await self._postgrest.reload_schema()

    async def freshen(self) -> None:
        """End every backend of the single role, so that the next request finds a new one."""
        await self._postgres.end_backends()

    async def start_over(self) -> None:
        """End PostgREST and every backend of the single role, and start PostgREST again.

        Raises:
            EnvironmentProblem: one of them does not end, or PostgREST does not come up.
        """
        await self._faults.start_over()

    async def broken(self, revived: Callable[[str], None]) -> NoReturn:
        """Wait until one of the programs ends that nobody has ended on purpose, PostgREST for good.

        PostgREST 12 ends itself over some errors that a request meets, such as 42P05. A service manager would start it
        again, and so does this: what it had under way is lost, and no more.

        Args:
            revived: Told, in a sentence, of a program that was started again.

        Raises:
            EnvironmentProblem: always, in the end: it names the program.
        """
        for _ in range(_REVIVALS):
            problem = self._launcher.ended(process := await self._first_to_end())
            if process.name != POSTGREST.name:
                raise problem
            await self._faults.revive()
            revived(f"{problem.message}, and was started again")
        raise problem

    async def _first_to_end(self) -> Process:
        while True:
            # Looked at again now and then: what a fault has ended may run again under another pid.
            running = list(self._processes.running.values())
            ended = [process.ended for process in running]
            await asyncio.wait(ended, timeout=_PATROL_S, return_when=asyncio.FIRST_COMPLETED)
            for process in running:
                if process.ended.done() and process.pid not in self._launcher.dismissed:
                    return process
