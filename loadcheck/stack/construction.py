"""How the embedded stack comes up, and goes when nobody needs it any more."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from loadcheck.clock import SystemClock
from loadcheck.identity.keys import signing_key
from loadcheck.oracle.stamp import OF_A_STACK, stamp_sql
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.fault import FaultKind, Hop
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.stack import PgBouncer, Stack
from loadcheck.scenario.stack import Program as Command
from loadcheck.stack.account import unprivileged
from loadcheck.stack.commands import run_command
from loadcheck.stack.entrance import Entrance
from loadcheck.stack.faults import StackFaults
from loadcheck.stack.keys import with_key
from loadcheck.stack.launch import Launcher
from loadcheck.stack.network import Network
from loadcheck.stack.pgbouncer import Bouncer
from loadcheck.stack.ports import LOOPBACK
from loadcheck.stack.postgres import DURABLE, Postgres
from loadcheck.stack.postgrest import rest_settings
from loadcheck.stack.processes import Processes, processes
from loadcheck.stack.programs import PGBOUNCER, POSTGRES, POSTGREST, Finder, Kind, Program
from loadcheck.stack.renewal import renewing
from loadcheck.stack.sql import read_files, run_files
from loadcheck.stack.stack import EmbeddedStack
from loadcheck.stack.startup import Startup, untold
from loadcheck.tasks import ungrouped

_SECRET: Final = frozenset({"db-uri", "jwt-secret", "auth_file"})


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
        key = signing_key(self._jwt, folder)
        self._postgres = Postgres(programs[POSTGRES.name], self._stack, launcher)
        self._entrance = Entrance(
            programs[POSTGREST.name], self._stack, self._jwt, key, self._folder, self._postgres, launcher
        )
        self._bouncer: Bouncer | None = None
        if self._jwt.algorithm.symmetric:
            launcher.keep_secret(str(key.public_jwk()["k"]), self._jwt.secret.get_secret_value())
            launcher.keep_secret(self._jwt.secret_base64.get_secret_value())

    async def stack(self, sql: Iterable[tuple[Path, str]]) -> EmbeddedStack:
        async with asyncio.TaskGroup() as side_by_side:
            side_by_side.create_task(self._startup.ask_versions(self._programs.values()))
            side_by_side.create_task(self._postgres.up())
        self._startup.answers(POSTGRES.name)
        async with asyncio.TaskGroup() as side_by_side:
            side_by_side.create_task(self._fill(list(sql)))
            pooler = side_by_side.create_task(self._pooled_port())
        pooled = self._postgres.role.dsn(await self._network.port("postgrest-pooler", pooler.result()))
        postgrest = await self._entrance.postgrest(pooled)
        self._startup.answers(POSTGREST.name)
        gateway = await self._entrance.gateway(await self._on_the_way("gateway-postgrest", postgrest.url), pooled)
        if gateway is not None:
            self._startup.answers(gateway.process.name)
        faults = StackFaults(self._postgres, self._bouncer, postgrest, self._network, self._jwt, self._launcher)
        return EmbeddedStack(
            url=await self._on_the_way("loadcheck-postgrest", (gateway or postgrest).url),
            rest_url=postgrest.url,
            ready_url=f"{postgrest.admin_url}/ready",
            database=self._postgres.owner.dsn(await self._network.port("oracle-postgres", self._postgres.port)),
            pooled_database=pooled,
            superuser=self._postgres.superuser.dsn(self._postgres.port),
            console=self._bouncer.console if self._bouncer else "",
            versions=self._startup.versions,
            settings=self._known_settings(),
            past_pooler=None if self._stack.pooler == "none" else self._entrance.past_pooler,
            renew=renewing(self._stack, self._postgres, faults.breaks),
            _faults=faults,
            _postgres=self._postgres,
            _postgrest=postgrest,
            _launcher=self._launcher,
            _processes=self._processes,
        )

    async def _on_the_way(self, hop: Hop, url: str) -> str:
        """Return the URL by which a hop leads to the one given."""
        return f"http://{LOOPBACK}:{await self._network.port(hop, urlsplit(url).port or 0)}"

    def _known_settings(self) -> dict[str, Scalar]:
        pooler = self._stack.pooler
        pooling = pooler.settings if isinstance(pooler, PgBouncer) else {}
        rest = rest_settings(self._stack, "", {})
        return {**pooling, **{name: value for name, value in rest.items() if name not in _SECRET}}

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
                self._startup.answers(PGBOUNCER.name)
                self._bouncer = bouncer
                return bouncer.port
            case Command() as command:
                direct = postgres.role.dsn(upstream)
                values = {"database": direct, "upstream": direct}
                port, process = await run_command("pooler", command, values, self._folder, self._launcher)
                self._startup.answers(process.name)
                return port
            case _:
                return upstream


def _kept_through_crashes(scenario: Scenario) -> Stack:
    """Return the scenario's stack; durable where the scenario crashes it, and the scenario's own settings win."""
    if all(fault.do is not FaultKind.POSTGRES_CRASH for fault in scenario.faults):
        return scenario.stack
    return scenario.stack.model_copy(update={"postgres": {**DURABLE, **scenario.stack.postgres}})


def _needed(scenario: Scenario) -> tuple[Kind, ...]:
    pooled = isinstance(scenario.stack.pooler, PgBouncer)
    return (POSTGRES, PGBOUNCER, POSTGREST) if pooled else (POSTGRES, POSTGREST)
