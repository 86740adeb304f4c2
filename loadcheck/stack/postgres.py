"""PostgreSQL for one stack: a new cluster with the scenario's roles and a database; nothing of it is kept."""

import re
import secrets
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Final
from urllib.parse import quote

import asyncpg

from loadcheck.errors import UsageProblem
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.stack import PgBouncer, Stack
from loadcheck.stack.launch import Launcher
from loadcheck.stack.ports import LOOPBACK, on_free_ports
from loadcheck.stack.processes import Order, Process, children, killed
from loadcheck.stack.programs import Program
from loadcheck.stack.settings import whole_number

DATABASE: Final = "loadcheck"

_SUPERUSERS: Final = ("postgres", "loadcheck", "loadcheck_superuser")
_NAME_BYTES: Final = 63
_PROBE_S: Final = 1.0
_CONNECT_S: Final = 10.0
_END_BACKENDS: Final = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = $1"
_BACKENDS: Final = """
    SELECT pid FROM pg_stat_activity WHERE usename = $1 AND (state = 'active' OR NOT $2) ORDER BY pid"""
_PAUSE: Final = "SELECT pg_sleep(0.01)"
_SPARE_CONNECTIONS: Final = 60  # the oracle's, a gateway's, and three for superusers
_LEAST_CONNECTIONS: Final = 100
_POSTGREST_POOL: Final = 10
_SETTING: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
# Nothing need outlive the machine. Commits stay synchronous: one that was acknowledged outlives a backend that crashes.
_THROW_AWAY: Final[Mapping[str, Scalar]] = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": 0,
}

DURABLE: Final[Mapping[str, Scalar]] = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
"""What it needs to keep through a crash what it has acknowledged."""


class Login:
    """A role of the stack's PostgreSQL, with a random password."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.password = secrets.token_urlsafe(24)

    def dsn(self, port: int, database: str = DATABASE) -> str:
        """Return the DSN by which it logs in at a port on loopback."""
        return f"postgresql://{quote(self.role, safe='')}:{self.password}@{LOOPBACK}:{port}/{database}"


class Postgres:
    """The PostgreSQL of one stack.

    Args:
        program: What to run.
        stack: The scenario's `stack`.
        launcher: What starts it.

    Attributes:
        superuser: Who may do everything; not one of the scenario's roles.
        owner: Who owns the database.
        role: The single role; the same login as `owner` where the scenario names one role for both.
        port: Where it listens, once it is up.
        process: The server, once it is up.

    Raises:
        UsageProblem: the scenario names a role or a setting that cannot be.
    """

    port: int
    process: Process

    def __init__(self, program: Program, stack: Stack, launcher: Launcher) -> None:
        self._program = launcher.reachable(program)
        self._stack = stack
        self._launcher = launcher
        self._data = launcher.folder / "postgres"
        self.superuser = Login(next(name for name in _SUPERUSERS if name not in {stack.owner, stack.role}))
        self.owner = Login(_role(stack.owner, "owner"))
        self.role = self.owner if stack.role == stack.owner else Login(_role(stack.role, "role"))
        launcher.keep_secret(self.superuser.password, self.owner.password, self.role.password)
        self._settings = _settings(stack)

    async def up(self) -> None:
        """Make the cluster and start it.

        Raises:
            EnvironmentProblem: it does not come up.
        """
        await self._initdb()
        await on_free_ports(1, self._start)

    async def make_roles(self) -> None:
        """Make the scenario's roles and the database; what is in it comes from the scenario's SQL.

        Raises:
            UsageProblem: PostgreSQL refuses a role's name.
        """
        async with _session(self.superuser.dsn(self.port, "postgres")) as connection:
            for login in {self.owner, self.role}:
                await _make_role(connection, login)
            owner, role = _identifier(self.owner.role), _identifier(self.role.role)
            if self.role is not self.owner:
                await connection.execute(f"GRANT {role} TO {owner}")
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {owner}")
        async with _session(self.superuser.dsn(self.port)) as connection:
            await connection.execute(f"GRANT USAGE ON SCHEMA public TO {role}; GRANT ALL ON SCHEMA public TO {owner}")

    async def end_backends(self) -> None:
        """End every backend of the single role, and return when they are gone."""
        async with _session(self.superuser.dsn(self.port)) as connection:
            while await connection.fetchval(_END_BACKENDS, self.role.role):
                await connection.execute(_PAUSE)

    async def down(self) -> None:
        """Shut it down as an administrator does who does not wait for sessions to end, nor for ever.

        Raises:
            EnvironmentProblem: a process of it does not end.
        """
        await self._end(signal.SIGINT)

    async def crash(self) -> None:
        """Kill it, every process at a stroke.

        Raises:
            EnvironmentProblem: a process of it does not end.
        """
        await self._end(signal.SIGKILL)

    async def up_again(self) -> None:
        """Start it where it was, on the data that it left.

        Raises:
            EnvironmentProblem: it does not come up.
        """
        await self._start((self.port,))

    async def strike(self, function: str, share: float, chance: Random, *, active: bool) -> None:
        """Call a function such as `pg_terminate_backend` on a share of the single role's backends.

        Args:
            function: Its name, from loadcheck itself.
            share: How likely each backend is struck.
            chance: Decides.
            active: Whether only backends are struck that are running a query just now.
        """
        async with _session(self.superuser.dsn(self.port)) as connection:
            pids = [row["pid"] for row in await connection.fetch(_BACKENDS, self.role.role, active)]
            struck = [pid for pid in pids if chance.random() < share]
            await connection.execute(f"SELECT {function}(pid) FROM unnest($1::int[]) AS pid", struck)  # noqa: S608

    async def execute(self, sql: str) -> None:
        """Run SQL of loadcheck's own in the scenario's database, as the superuser."""
        async with _session(self.superuser.dsn(self.port)) as connection:
            await connection.execute(sql)

    async def _end(self, how: signal.Signals) -> None:
        """End its first process; what a killed one leaves is killed, too, or it could not start again."""
        backends = children(self.process.pid)
        by_itself = await self._launcher.end(self.process, how)
        if how is signal.SIGKILL or not by_itself:
            await killed(backends)

    async def _initdb(self) -> None:
        password = self._launcher.private("superuser", self.superuser.password)
        arguments = (
            f"--pgdata={self._data}",
            f"--username={self.superuser.role}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )
        await self._launcher.run(self._order("initdb", (str(self._program.beside("initdb")), *arguments)))
        password.unlink()

    async def _start(self, ports: tuple[int, ...]) -> None:
        self.port = whole_number(self._settings, "port", ports[0], "stack.postgres")
        settings = {"port": self.port, **self._settings}
        lines = [f"{name} = {_quoted(value)}" for name, value in settings.items()]
        conf = self._launcher.private("postgres.conf", "\n".join(["include 'postgres/postgresql.conf'", *lines, ""]))
        argv = (str(self._program.path), "-D", str(self._data), "-c", f"config_file={conf}")
        self.process = await self._launcher.launch(self._order("postgres", argv, stop=signal.SIGQUIT), self._answers)

    def _order(self, name: str, argv: tuple[str, ...], stop: signal.Signals = signal.SIGTERM) -> Order:
        environment = self._launcher.environment(self._program)
        return Order(name, argv, environment, self._launcher.folder, self._launcher.account, stop)

    async def _answers(self) -> bool:
        try:
            async with _session(self.superuser.dsn(self.port, "postgres"), patience=_PROBE_S) as connection:
                return bool(await connection.fetchval("SELECT true"))
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False


@asynccontextmanager
async def _session(dsn: str, patience: float = _CONNECT_S) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn, timeout=patience)
    try:
        yield connection
    finally:
        connection.terminate()


async def _make_role(connection: asyncpg.Connection, login: Login) -> None:
    try:
        await connection.execute(f"CREATE ROLE {_identifier(login.role)} LOGIN PASSWORD '{login.password}'")
    except asyncpg.PostgresError as refusal:
        raise UsageProblem(
            f"stack: PostgreSQL refuses the role {login.role}: {refusal.args[0]}",
            "Give stack.owner and stack.role other names.",
        ) from None


def _settings(stack: Stack) -> dict[str, Scalar]:
    """Return the settings, the scenario's own last, which so win."""
    for name in stack.postgres:
        if not _SETTING.fullmatch(name):
            raise UsageProblem(f"stack.postgres: {name!r} is not the name of a PostgreSQL setting")
    return {
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "max_connections": _connections(stack),
        **_THROW_AWAY,
        **stack.postgres,
    }


def _connections(stack: Stack) -> int:
    """Return enough connections for whatever stands between PostgREST and PostgreSQL."""
    pool = whole_number(stack.postgrest, "db-pool", _POSTGREST_POOL, "stack.postgrest")
    if isinstance(stack.pooler, PgBouncer):
        reserve = whole_number(stack.pooler.settings, "reserve_pool_size", 0, "stack.pooler")
        pool += stack.pooler.size + reserve
    return max(_LEAST_CONNECTIONS, pool + _SPARE_CONNECTIONS)


def _quoted(value: Scalar) -> str:
    text = ("on" if value else "off") if isinstance(value, bool) else str(value)
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{escaped}'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _role(name: str, key: str) -> str:
    if len(name.encode()) > _NAME_BYTES:
        raise UsageProblem(f"stack.{key}: PostgreSQL's names have at most {_NAME_BYTES} bytes")
    return name
