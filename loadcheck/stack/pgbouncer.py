"""PgBouncer for one stack: one database, the scenario's roles, and any setting that the scenario gives."""

import asyncio
import signal
from collections.abc import Mapping
from typing import Final

import asyncpg

from loadcheck.errors import UsageProblem
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.stack import PgBouncer
from loadcheck.stack.launch import Launcher
from loadcheck.stack.ports import LOOPBACK, on_free_ports
from loadcheck.stack.postgres import DATABASE, Login
from loadcheck.stack.processes import Order, Process
from loadcheck.stack.programs import Program
from loadcheck.stack.settings import whole_number

ADMIN: Final = "loadcheck_pgbouncer"
"""The user of its own that may use PgBouncer's console."""

_CONSOLE: Final = "pgbouncer"
_CLIENTS: Final = 1000
_PROBE_S: Final = 1.0
_COMMAND_S: Final = 20.0  # PAUSE waits for the transactions that are open


class Bouncer:
    """The PgBouncer of one stack.

    Args:
        program: What to run.
        settings: The scenario's `stack.pooler`.
        logins: The roles that may log in through it.
        launcher: What starts it.

    Attributes:
        admin: Who may use its console.
        port: Where it listens, once it is up.
        process: The server, once it is up.

    Raises:
        UsageProblem: a setting cannot be written into its file.
    """

    port: int
    process: Process
    _upstream: int

    def __init__(self, program: Program, settings: PgBouncer, logins: tuple[Login, ...], launcher: Launcher) -> None:
        self._program = launcher.reachable(program)
        self._pooler = settings
        self._launcher = launcher
        self.admin = Login(ADMIN)
        launcher.keep_secret(self.admin.password)
        users = {login.role: login.password for login in (*logins, self.admin)}
        self._users = "".join(f"{_quoted(user)} {_quoted(password)}\n" for user, password in users.items())
        for name, value in settings.settings.items():
            _check_line(f"{name}{value}", name)

    async def up(self, upstream: int) -> None:
        """Start it in front of the PostgreSQL at port `upstream`, which need not be up by now.

        Raises:
            EnvironmentProblem: it does not come up.
        """

        async def start(ports: tuple[int, ...]) -> None:
            await self._start(upstream, ports[0])

        await on_free_ports(1, start)

    async def down(self, how: signal.Signals) -> None:
        """End it: SIGTERM closes every connection, and SIGKILL does not even say so.

        Raises:
            EnvironmentProblem: it does not end.
        """
        await self._launcher.end(self.process, how)

    async def up_again(self) -> None:
        """Start it where it was.

        Raises:
            EnvironmentProblem: it does not come up.
        """
        await self._start(self._upstream, self.port)

    async def command(self, command: str) -> None:
        """Give its console a command, such as `PAUSE`; return when it is done.

        Raises:
            asyncpg.PostgresError: it says no.
        """
        connection = await asyncpg.connect(self.console, timeout=_COMMAND_S)
        try:
            async with asyncio.timeout(_COMMAND_S):
                await connection.execute(command)
        finally:
            connection.terminate()

    @property
    def console(self) -> str:
        """The DSN of its console."""
        return self.admin.dsn(self.port, _CONSOLE)

    async def _start(self, upstream: int, port: int) -> None:
        self._upstream = upstream
        users = self._launcher.private("pgbouncer.users", self._users)
        settings: dict[str, Scalar] = {
            "listen_addr": LOOPBACK,
            "listen_port": port,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(users),
            "admin_users": ADMIN,
            "pool_mode": self._pooler.mode,
            "default_pool_size": self._pooler.size,
            "max_client_conn": _CLIENTS,
            "ignore_startup_parameters": "extra_float_digits",
            **self._pooler.settings,
        }
        self.port = whole_number(settings, "listen_port", port, "stack.pooler")
        ini = self._launcher.private("pgbouncer.ini", _ini(upstream, settings))
        order = Order(
            "pgbouncer",
            (str(self._program.path), str(ini)),
            self._launcher.environment(self._program),
            self._launcher.folder,
            self._launcher.account,
        )
        self.process = await self._launcher.launch(order, self._answers)

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.console, timeout=_PROBE_S)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        try:
            # The simple protocol: the console knows no other.
            return bool(await connection.execute("SHOW VERSION"))
        finally:
            connection.terminate()


def _ini(upstream: int, settings: Mapping[str, Scalar]) -> str:
    lines = [f"{name} = {_plain(value)}" for name, value in settings.items()]
    database = f"{DATABASE} = host={LOOPBACK} port={upstream} dbname={DATABASE}"
    return "\n".join(["[databases]", database, "", "[pgbouncer]", *lines, ""])


def _plain(value: Scalar) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _check_line(text: str, name: str) -> None:
    if not text.isprintable():
        raise UsageProblem(f"stack.pooler: the setting {name!r} must be one line")
