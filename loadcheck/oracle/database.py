"""The oracle's connections: nothing of one reading can reach the next one, and row security cannot hide a row.

The rules, each learnt from an oracle that agreed with a leaking server:

* no statement cache, so no plan outlives its transaction (`statement_cache_size=0`);
* every reading is one read-only transaction, so a pooled DSN works and nothing is left behind;
* `row_security = off`: PostgreSQL then refuses a query whose rows a policy would filter, in place of filtering them
  (https://www.postgresql.org/docs/current/ddl-rowsecurity.html);
* reading *as* an identity happens on a connection of its own, in one transaction, with local settings only.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import asyncpg

from loadcheck.errors import EnvironmentProblem

Connection: TypeAlias = asyncpg.Connection

_CONNECT_S: Final = 10.0
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
_BEGIN_READING: Final = f"{_BEGIN}; SET LOCAL row_security = off; SET LOCAL statement_timeout = '120s'"
# What decides how values are written: https://www.postgresql.org/docs/current/runtime-config-client.html
# A role's own settings come before its database's. Where only the oracle's role has one of its own, and nobody but a
# superuser can read what the server's configuration says, the other role is taken to have PostgreSQL's default.
_OUTPUT: Final = """
    WITH own AS (
        SELECT lower(split_part(setting, '=', 1)) AS name, substr(setting, strpos(setting, '=') + 1) AS value,
            setrole, setdatabase, coalesce(rolname, $1) = $1 AS theirs
        FROM pg_db_role_setting LEFT JOIN pg_roles ON pg_roles.oid = setrole, unnest(setconfig) AS setting
        WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
            AND coalesce(rolname, $1) IN ($1, session_user))
    SELECT format('SET LOCAL %I = %L', lower(name), coalesce(
        (SELECT value FROM own WHERE theirs AND own.name = lower(pg_settings.name)
         ORDER BY setrole = 0, setdatabase = 0 LIMIT 1), boot_val))
    FROM pg_settings
    WHERE lower(name) IN ('bytea_output', 'datestyle', 'extra_float_digits', 'intervalstyle', 'lc_monetary', 'timezone')
        AND lower(name) IN (SELECT own.name FROM own)"""
_AS_IDENTITY: Final = """
    SELECT set_config('search_path', $1, true), set_config('role', $2, true),
           set_config('request.jwt.claims', $3, true), set_config('request.method', 'GET', true),
           set_config('request.path', '/', true), set_config('request.headers', '{}', true),
           set_config('request.cookies', '{}', true)"""

# What asyncpg raises when a connection is gone, rather than when PostgreSQL refuses a statement.
GONE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server went away in the middle of an answer
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    ConnectionError,
    TimeoutError,
)


class Away(EnvironmentProblem):
    """Nobody takes connections at the database just now; it may come back."""


class Database:
    """One connection for readings, made again when it is lost, and short-lived ones for readings as an identity.

    Args:
        dsn: A role that row security does not bind; direct, or through any pooler.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._output = ""

    def __repr__(self) -> str:
        """Name the place; the DSN holds a password."""
        return f"Database({place(self._dsn)})"

    async def write_as(self, role: str) -> None:
        """Have values written as a role has them by its own settings, such as its time zone.

        Raises:
            EnvironmentProblem: there is no way to connect.
        """
        async with self.reading() as connection:
            self._output = "".join(f"; {setting}" for (setting,) in await connection.fetch(_OUTPUT, role))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """Yield a connection in a read-only transaction that sees every row, one reading at a time.

        Raises:
            EnvironmentProblem: there is no way to connect.
        """
        async with self._turn:
            connection = await self._connected()
            try:
                await connection.execute(_BEGIN_READING + self._output)
                yield connection
                await connection.execute("COMMIT")
            except BaseException:
                # The transaction's state is not worth saving: the next reading begins on a new connection.
                self._drop()
                raise

    @asynccontextmanager
    async def as_identity(
        self, claims: str, role: str, search_path: str, pre_request: str | None
    ) -> AsyncIterator[Connection]:
        """Yield a fresh connection in a transaction set up as PostgREST sets up an identity's.

        Args:
            claims: The claims, as JSON.
            role: The role that the claims ask for.
            search_path: As PostgREST sets it.
            pre_request: PostgREST's `db-pre-request` function, if it has one.

        Raises:
            EnvironmentProblem: there is no way to connect, or the oracle's role may not become `role`.
        """
        connection = await connect(self._dsn)
        try:
            await connection.execute(_BEGIN + self._output)
            try:
                await connection.fetchrow(_AS_IDENTITY, search_path, role, claims)
            except asyncpg.PostgresError as error:
                raise EnvironmentProblem(
                    f"the oracle's role may not become {role!r}: {error}",
                    f"rows_as_identity needs it. As an administrator: GRANT {role} TO <the oracle's role>;",
                ) from None
            if pre_request:
                await connection.execute(f"SELECT {pre_request}()")
            yield connection
        finally:
            connection.terminate()

    def disconnect(self) -> None:
        """Lose the connection, as a network does: a reading under way fails, and the next one connects again."""
        if self._connection is not None:
            self._connection.terminate()

    async def close(self) -> None:
        """End the connection."""
        self._drop()

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._dsn)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


async def connect(dsn: str) -> Connection:
    """Connect without a statement cache.

    Raises:
        EnvironmentProblem: it cannot be done; says why, without the password.
    """
    try:
        return await asyncpg.connect(dsn, statement_cache_size=0, timeout=_CONNECT_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError, TimeoutError) as error:
        raise _cannot_connect(dsn, error) from None


def place(dsn: str) -> str:
    """Return the part of a DSN that may be shown: role, host, port and database."""
    try:
        parts = urlsplit(dsn)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the database"
    if not parts.hostname:
        return "the database"
    return f"{parts.username or '<no role>'}@{parts.hostname}{port}{parts.path}"


def _cannot_connect(dsn: str, error: Exception) -> EnvironmentProblem:
    kind = Away if isinstance(error, _PASSING) else EnvironmentProblem
    advice = _WITHOUT_TLS if _refused_tls(error) else _CONNECT_ADVICE.get(type(error), _CHECK)
    return kind(f"the oracle cannot connect to {place(dsn)}: {_why(error)}", advice)


def _refused_tls(error: Exception) -> bool:
    return isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_CONNECT_S:.0f} s"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason}"
    if isinstance(error, asyncpg.PostgresError):
        return f"{error.args[0]} ({error.sqlstate})"
    if _refused_tls(error):
        return "the server does not speak TLS"
    if isinstance(error, OSError):
        return error.strerror or "no connection"
    # Parsing errors of a DSN quote it, password and all.
    return "the DSN cannot be read"


_PASSING: Final = (asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, ConnectionError, TimeoutError)
_WITHOUT_TLS: Final = "Leave sslmode out of --database (target.database), or switch TLS on in the server."
_CHECK: Final = (
    "Check --database (target.database): postgresql://role:password@host:5432/name?sslmode=require\n"
    "Special characters in the password must be percent-encoded."
)
_CONNECT_ADVICE: Final[Mapping[type[Exception], str]] = {
    asyncpg.InvalidPasswordError: (
        "Check the password in --database (target.database); percent-encode special characters."
    ),
    asyncpg.InvalidCatalogNameError: "Check the database name at the end of --database (target.database).",
    asyncpg.InvalidAuthorizationSpecificationError: (
        "Check the role in --database; the server may also ask for ?sslmode=require."
    ),
}


def sql_problem(error: Any) -> str:
    """Return what PostgreSQL says of a statement, on one line, with its code."""
    hint = f" Hint: {error.hint}" if getattr(error, "hint", None) else ""
    return f"{error.args[0]} ({error.sqlstate}).{hint}".replace("\n", " ")
