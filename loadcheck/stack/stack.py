"""The embedded stack: PostgreSQL, a pooler, PostgREST and a gateway, for as long as somebody needs them."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

from loadcheck.clock import SystemClock
from loadcheck.identity.keys import signing_key
from loadcheck.identity.population import Identity
from loadcheck.identity.tokens import Mint
from loadcheck.oracle.stamp import OF_A_STACK, stamp_sql
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.fault import FaultKind, Hop
from loadcheck.scenario.hunting import backends
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.stack import PgBouncer, Stack
from loadcheck.scenario.stack import Program as Command
from loadcheck.scenario.target import Jwt
from loadcheck.stack.account import unprivileged
from loadcheck.stack.commands import run_command
from loadcheck.stack.faults import Break, StackFaults
from loadcheck.stack.keys import with_key
from loadcheck.stack.launch import Launcher
from loadcheck.stack.network import Network
from loadcheck.stack.pgbouncer import Bouncer
from loadcheck.stack.ports import LOOPBACK
from loadcheck.stack.postgres import DURABLE, Postgres
from loadcheck.stack.postgrest import Postgrest, rest_settings
from loadcheck.stack.processes import Process, Processes, processes
from loadcheck.stack.programs import PGBOUNCER, POSTGRES, POSTGREST, Finder, Kind, Program
from loadcheck.stack.renewal import Renewal
from loadcheck.stack.sql import read_files, run_files
from loadcheck.stack.startup import Startup, untold
from loadcheck.stack.versions import version
from loadcheck.tasks import ungrouped

_PATROL_S: Final = 0.5
_REVIVALS: Final = 100  # of one stack: more than that, and nothing would be tested any more
_PAST_POOLER: Final = "-past-pooler"
_SECRET: Final = frozenset({"db-uri", "jwt-secret", "auth_file"})


@dataclass(frozen=True, slots=True)
class _Gateway:
    url: str
    process: Process


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


@asynccontextmanager
async def embedded(
    scenario: Scenario, folder: Path, told: Callable[[str], None] = untold
) -> AsyncIterator[EmbeddedStack]:
    """Keep the scenario's stack for as long as the context lasts; nothing of it is left afterwards.

    Args:
        scenario: Its `stack` and `target.jwt` are used; it has been checked, as `load` does.
        folder: The scenario's folder, which files and programs are relative to.
        told: Told of each program, in a few words, as soon as it answers.

    Raises:
        UsageProblem: the scenario's SQL, roles, key or settings cannot be.
        EnvironmentProblem: a program is missing, or does not come up.
    """
    sql = read_files(scenario.stack.sql, folder)
    programs = Finder().find_all(_needed(scenario))
    account = unprivileged()
    async with processes(account) as wire:
        network = Network(scenario.faults, SystemClock())
        startup = Startup(told, SystemClock())
        construction = _Construction(
            scenario, folder, programs, wire, Launcher(wire, account), network, startup=startup
        )
        try:
            with ungrouped():
                stack = await construction.stack(sql)
            yield stack
        finally:
            await network.close()


class _Construction:
    """How a stack comes up, step by step."""

    def __init__(  # noqa: PLR0913 -- what a stack is made of
        self,
        scenario: Scenario,
        folder: Path,
        programs: Mapping[str, Program],
        wire: Processes,
        launcher: Launcher,
        network: Network,
        *,
        startup: Startup,
    ) -> None:
        self._network = network
        self._startup = startup
        self._stack = _kept_through_crashes(scenario)
        self._folder = folder.absolute()
        self._programs = programs
        self._processes = wire
        self._launcher = launcher
        self._jwt = with_key(scenario.target.jwt, launcher.folder)
        self._key = signing_key(self._jwt, folder)
        self._postgres = Postgres(programs[POSTGRES.name], self._stack, launcher)
        self._bouncer: Bouncer | None = None
        self._versions: dict[str, str] = {}
        if self._jwt.algorithm.symmetric:
            launcher.keep_secret(str(self._key.public_jwk()["k"]), self._jwt.secret.get_secret_value())
            launcher.keep_secret(self._jwt.secret_base64.get_secret_value())

    async def stack(self, sql: Iterable[tuple[Path, str]]) -> EmbeddedStack:
        async with asyncio.TaskGroup() as side_by_side:
            side_by_side.create_task(self._ask_versions())
            side_by_side.create_task(self._postgres.up())
        self._answers(POSTGRES.name)
        async with asyncio.TaskGroup() as side_by_side:
            side_by_side.create_task(self._fill(list(sql)))
            pooler = side_by_side.create_task(self._pooled_port())
        pooled = self._postgres.role.dsn(await self._network.port("postgrest-pooler", pooler.result()))
        postgrest = await self._postgrest(pooled)
        self._answers(POSTGREST.name)
        gateway = await self._gateway(await self._on_the_way("gateway-postgrest", postgrest.url), pooled)
        if gateway is not None:
            self._answers(gateway.process.name)
        entrance = gateway.url if gateway else postgrest.url
        faults = StackFaults(self._postgres, self._bouncer, postgrest, self._network, self._jwt, self._launcher)
        return EmbeddedStack(
            url=await self._on_the_way("loadcheck-postgrest", entrance),
            rest_url=postgrest.url,
            ready_url=f"{postgrest.admin_url}/ready",
            database=self._postgres.owner.dsn(await self._network.port("oracle-postgres", self._postgres.port)),
            pooled_database=pooled,
            superuser=self._postgres.superuser.dsn(self._postgres.port),
            console=self._bouncer.console if self._bouncer else "",
            versions=self._versions,
            settings=self._known_settings(),
            past_pooler=None if self._stack.pooler == "none" else self._past_pooler,
            renew=self._renew(faults),
            _faults=faults,
            _postgres=self._postgres,
            _postgrest=postgrest,
            _launcher=self._launcher,
            _processes=self._processes,
        )

    def _answers(self, name: str) -> None:
        self._startup.answers(name, self._versions.get(name, ""))

    async def _on_the_way(self, hop: Hop, url: str) -> str:
        """Return the URL by which a hop leads to the one given."""
        return f"http://{LOOPBACK}:{await self._network.port(hop, urlsplit(url).port or 0)}"

    def _known_settings(self) -> dict[str, Scalar]:
        pooler = self._stack.pooler
        pooling = pooler.settings if isinstance(pooler, PgBouncer) else {}
        rest = rest_settings(self._stack, "", {})
        return {**pooling, **{name: value for name, value in rest.items() if name not in _SECRET}}

    async def _ask_versions(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(version(program)) for name, program in self._programs.items()}
        self._versions.update({name: task.result() for name, task in tasks.items()})

    async def _fill(self, sql: list[tuple[Path, str]]) -> None:
        await self._postgres.make_roles()
        await run_files(sql, self._postgres.owner.dsn(self._postgres.port))
        if self._stack.stamp:
            stamp = stamp_sql(str(self._stack.postgrest.get("db-pre-request", "")))
            await self._postgres.execute(f"{stamp} COMMENT ON SCHEMA loadcheck IS '{OF_A_STACK}'")

    async def _pooled_port(self) -> int:
        """Start the pooler and return its port; PostgreSQL's own where there is none."""
        postgres = self._postgres
        upstream = await self._network.port("pooler-postgres", postgres.port)
        match self._stack.pooler:
            case PgBouncer() as settings:
                logins = (postgres.owner, postgres.role, postgres.superuser)
                bouncer = Bouncer(self._programs[PGBOUNCER.name], settings, logins, self._launcher)
                await bouncer.up(upstream)
                self._answers(PGBOUNCER.name)
                self._bouncer = bouncer
                return bouncer.port
            case Command() as command:
                direct = postgres.role.dsn(upstream)
                values = {"database": direct, "upstream": direct}
                port, process = await run_command("pooler", command, values, self._folder, self._launcher)
                self._answers(process.name)
                return port
            case _:
                return upstream

    def _renew(self, faults: StackFaults) -> Callable[[], Awaitable[None]] | None:
        pooler, reconnect = self._stack.pooler, faults.breaks.get(FaultKind.PGBOUNCER_RECONNECT)
        if reconnect is None or not isinstance(pooler, PgBouncer):
            return None
        # A gateway may have connections of its own to the pooler.
        full = backends(self._stack) if self._stack.gateway is None else pooler.size
        return Renewal(self._postgres, reconnect, full).renew

    @asynccontextmanager
    async def _past_pooler(self) -> AsyncIterator[str]:
        direct = self._postgres.role.dsn(self._postgres.port)
        postgrest = await self._postgrest(direct, _PAST_POOLER)
        try:
            # Nobody waits for these: where one ends, what is asked of it finds no answer.
            self._launcher.dismissed.add(postgrest.process.pid)
            gateway = await self._gateway(postgrest.url, direct, _PAST_POOLER)
            if gateway is None:
                yield postgrest.url
                return
            self._launcher.dismissed.add(gateway.process.pid)
            try:
                yield gateway.url
            finally:
                await self._launcher.end(gateway.process, signal.SIGTERM)
        finally:
            # Not kindly: it would wait for connections that its askers keep open.
            await self._launcher.end(postgrest.process, signal.SIGKILL)

    async def _postgrest(self, pooled: str, suffix: str = "") -> Postgrest:
        settings = rest_settings(self._stack, pooled, self._key.public_jwk())
        name = f"{POSTGREST.name}{suffix}"
        postgrest = Postgrest(self._programs[POSTGREST.name], settings, self._launcher, name)
        claims = {"role": self._stack.role}
        token = Mint(self._jwt, self._folder, SystemClock()).token(Identity(0, 0, "stack", claims, {}))
        await postgrest.up(token or "")
        return postgrest

    async def _gateway(self, url: str, pooled: str, suffix: str = "") -> _Gateway | None:
        """Start the gateway; return None where the scenario has none."""
        if self._stack.gateway is None:
            return None
        direct = self._postgres.role.dsn(self._postgres.port)
        values = {"url": url, "database": direct, "pooled_database": pooled}
        name = f"gateway{suffix}"
        port, process = await run_command(name, self._stack.gateway, values, self._folder, self._launcher)
        return _Gateway(f"http://{LOOPBACK}:{port}", process)


def _kept_through_crashes(scenario: Scenario) -> Stack:
    """Return the scenario's stack; durable where the scenario crashes it, and the scenario's own settings win."""
    if all(fault.do is not FaultKind.POSTGRES_CRASH for fault in scenario.faults):
        return scenario.stack
    return scenario.stack.model_copy(update={"postgres": {**DURABLE, **scenario.stack.postgres}})


def _needed(scenario: Scenario) -> tuple[Kind, ...]:
    pooled = isinstance(scenario.stack.pooler, PgBouncer)
    return (POSTGRES, PGBOUNCER, POSTGREST) if pooled else (POSTGRES, POSTGREST)
