"""Fresh backends without a single failure: the pooler makes its connections anew."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import asyncpg

from loadcheck.scenario.fault import Fault, FaultKind
from loadcheck.scenario.hunting import backends
from loadcheck.scenario.stack import PgBouncer, Stack
from loadcheck.stack.faults import Break, database_problems
from loadcheck.stack.postgres import Postgres

_CONNECT_S: Final = 5.0
_RECONNECT: Final = Fault(do=FaultKind.PGBOUNCER_RECONNECT)
_NEVER: Final = datetime.fromtimestamp(0, UTC)
_YOUNGEST: Final = """
    SELECT clock_timestamp() AS now, count(*) AS backends FROM pg_stat_activity
    WHERE usename = $1 AND backend_start > $2
"""


def renewing(
    stack: Stack, postgres: Postgres, breaks: Mapping[FaultKind, Break]
) -> Callable[[], Awaitable[None]] | None:
    """Return what has the pooler make its connections anew; None without PgBouncer."""
    pooler, reconnect = stack.pooler, breaks.get(FaultKind.PGBOUNCER_RECONNECT)
    if reconnect is None or not isinstance(pooler, PgBouncer):
        return None
    # A gateway may have connections of its own to the pooler.
    full = backends(stack) if stack.gateway is None else pooler.size
    return Renewal(postgres, reconnect, full).renew


@dataclass(slots=True)
class Renewal:
    """Has PgBouncer make its connections anew, but only where none can be logging in.

    PgBouncer 1.18 takes a connection that it gives up during its login for a login that failed, and then lets nobody
    in for `server_login_retry`, 15 s by default. A pool that is full, with connections that are all younger than the
    last renewal, has none that logs in.

    Attributes:
        postgres: Knows the backends.
        reconnect: Tells PgBouncer.
        full: How many backends the pool has when it is full.
    """

    postgres: Postgres
    reconnect: Break
    full: int
    _last: datetime = _NEVER

    async def renew(self) -> None:
        """Have every connection made anew as soon as nobody uses it; do nothing where that could do harm just now.

        Raises:
            EnvironmentProblem: PostgreSQL or PgBouncer cannot be asked just now.
        """
        with database_problems():
            connection = await asyncpg.connect(self.postgres.superuser.dsn(self.postgres.port), timeout=_CONNECT_S)
            try:
                seen = await connection.fetchrow(_YOUNGEST, self.postgres.role.role, self._last)
            finally:
                connection.terminate()
        if seen is not None and seen["backends"] >= self.full:
            self._last = seen["now"]
            async with self.reconnect(_RECONNECT, random.Random(0)):  # noqa: S311 -- it draws nothing
                pass
