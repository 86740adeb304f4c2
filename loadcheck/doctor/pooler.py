"""What stands between a client and PostgreSQL, found out by how it behaves; nothing is written."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from loadcheck.oracle.database import Connection, connect

_PATIENCE_S: Final = 3.0
_TURNS: Final = 4  # a pooler that takes turns may hand out the same backend once more by chance
_PID: Final = "SELECT pg_backend_pid()"
_CONSOLE: Final = "pgbouncer"
_BOUNCER: Final = "/bouncer"


class Mode(StrEnum):
    """How backends are shared."""

    DIRECT = "no pooler"
    SESSION = "session"
    TRANSACTION = "transaction"
    STATEMENT = "statement"

    @property
    def shares(self) -> bool:
        """Whether one client's statements run on several backends."""
        return self in {Mode.TRANSACTION, Mode.STATEMENT}


@dataclass(frozen=True, slots=True)
class Pooler:
    """What was found.

    Attributes:
        mode: How backends are shared.
        how: What showed it.
        version: Of PgBouncer, where its console lets this role in; empty otherwise.
    """

    mode: Mode
    how: str
    version: str = ""


async def find_pooler(dsn: str) -> Pooler:
    """Look for a pooler behind a DSN.

    Two clients are enough: while the second keeps a transaction open on the backend that the first one used, the first
    is given another one, unless its backend is its own.

    Raises:
        EnvironmentProblem: there is no way to connect.
    """
    first, second = await connect(dsn), await connect(dsn)
    try:
        mode, how = await _mode(first, second)
    finally:
        first.terminate()
        second.terminate()
    return Pooler(mode, how, await _bouncer_version(dsn) if mode is not Mode.DIRECT else "")


async def _mode(first: Connection, second: Connection) -> tuple[Mode, str]:
    one = await first.fetchval(_PID)
    try:
        await second.execute("BEGIN READ ONLY")
        two = await second.fetchval(_PID)
    except asyncpg.PostgresError as refusal:
        return Mode.STATEMENT, f"a transaction block is refused ({refusal.sqlstate})"
    try:
        async with asyncio.timeout(_PATIENCE_S):
            later = {await first.fetchval(_PID) for _ in range(_TURNS)}
    except TimeoutError:
        return Mode.TRANSACTION, f"a client waits while another one's transaction holds backend {one}"
    if one == two or later != {one}:
        return Mode.TRANSACTION, f"one client's statements ran on backend {one}, then on {max(later)}"
    if first.get_server_pid() != one:
        return Mode.SESSION, f"a client keeps backend {one}, whose pid is not the one that was told at login"
    return Mode.DIRECT, f"a client keeps backend {one}, whose pid is the one that was told at login"


async def _bouncer_version(dsn: str) -> str:
    """Ask PgBouncer's console, which tells its version at login, if it lets this role in."""
    console = urlunsplit(urlsplit(dsn)._replace(path=f"/{_CONSOLE}"))
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError, TimeoutError):
        connection = await asyncpg.connect(console, statement_cache_size=0, timeout=_PATIENCE_S)
        try:
            told = str(getattr(connection.get_settings(), "server_version", ""))
            return told.removesuffix(_BOUNCER) if told.endswith(_BOUNCER) else ""
        finally:
            connection.terminate()
    return ""
