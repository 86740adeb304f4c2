"""Whether anybody writes to the tables that a request's expected rows come from while the run goes on.

PostgreSQL counts the rows written to each table, and tells of them within a second
(https://www.postgresql.org/docs/current/monitoring-stats.html). Where nothing was written, two readings that agree
leave no room for an answer that was right in between.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import asyncpg

from loadcheck.clock import Clock
from loadcheck.oracle.database import Database
from loadcheck.oracle.expectation import Expectations
from loadcheck.oracle.rows import parse
from loadcheck.scenario.binding import Bound

_EXPLAIN: Final = "EXPLAIN (VERBOSE, FORMAT JSON) "
_COUNTS: Final = "SELECT schemaname, relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables"

# A writer that is at work has been counted by then: PostgreSQL lets a second pass at most.
_TOLD_AFTER_S: Final = 1.5

_Table = tuple[str, str]
"""Schema and name."""


class Writes:
    """Compares PostgreSQL's counts of written rows with those at the run's start.

    Args:
        database: Where they are read.
        expectations: Whose statements tell which tables matter to which request.
        clock: The run's clock.
    """

    def __init__(self, database: Database, expectations: Expectations, clock: Clock) -> None:
        self._database = database
        self._expectations = expectations
        self._tables: dict[int, set[_Table]] = defaultdict(set)
        self._before: Mapping[_Table, int] = {}
        self._clock = clock
        self._telling_from = 0.0

    async def begin(self) -> None:
        """Find out which tables matter, and take their counts.

        Raises:
            EnvironmentProblem: the database cannot be read.
        """
        statements = {
            (request, bound)
            for request, _, expectation in self._expectations
            if expectation.query is not None
            for _, bound in expectation.query.sources
        }
        for request, bound in statements:
            self._tables[request] |= await self._read_by(bound)
        if statements:
            self._before = await self._counts()
        self._telling_from = self._clock.now() + _TOLD_AFTER_S

    async def moving(self, request: int) -> bool:
        """Whether a table that a request's expected rows come from was written to since `begin`."""
        tables = self._tables.get(request)
        if tables is None:
            return False
        await self._clock.sleep(self._telling_from - self._clock.now())
        now = await self._counts()
        # A statement that names no table reads through functions: then any table may be the one.
        return any(now.get(table, 0) != self._before.get(table, 0) for table in tables or now)

    async def _read_by(self, bound: Bound) -> set[_Table]:
        try:
            async with self._database.reading() as connection:
                plan = await connection.fetchval(f"{_EXPLAIN}{bound.sql}", *[None] * len(bound.names))
        except asyncpg.PostgresError:
            return set()
        return set(_relations(parse(plan)))

    async def _counts(self) -> dict[_Table, int]:
        async with self._database.reading() as connection:
            return {(schema, name): count for schema, name, count in await connection.fetch(_COUNTS)}


def _relations(plan: Any) -> Iterator[_Table]:
    """Yield every table that a plan reads."""
    if isinstance(plan, list):
        for inner in plan:
            yield from _relations(inner)
    elif isinstance(plan, dict):
        if "Relation Name" in plan:
            yield plan["Schema"], plan["Relation Name"]
        yield from _relations(list(plan.values()))
