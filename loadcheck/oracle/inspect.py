"""What is asked of the database before any load: may the oracle see every row, and does the scenario's SQL hold?"""

from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from loadcheck.errors import EnvironmentProblem, UsageProblem
from loadcheck.oracle.caller import Caller
from loadcheck.oracle.database import Connection, Database, sql_problem
from loadcheck.oracle.expectation import Expectations, Loc
from loadcheck.oracle.rows import parse
from loadcheck.scenario.binding import Bound, bind
from loadcheck.scenario.model import Scenario

_SHOWN: Final = 60
_EXPLAIN: Final = "EXPLAIN "
_BOUND: Final = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind IN ('r', 'p') AND relrowsecurity AND row_security_active(oid) ORDER BY 1 LIMIT 5"""


@dataclass(frozen=True, slots=True)
class SqlMistake:
    """What PostgreSQL refuses of a statement.

    Attributes:
        loc: Where in the scenario the statement stands.
        offset: Which of its characters PostgreSQL points at; None when it points at none.
        message: What it says.
    """

    loc: Loc
    offset: int | None
    message: str


async def sql_mistakes(database: Database, scenario: Scenario, expectations: Expectations) -> list[SqlMistake]:
    """Return what PostgreSQL refuses of the scenario's statements, each with its place in the scenario.

    Raises:
        EnvironmentProblem: the oracle's role is bound by row security, or cannot connect.
    """
    statements: dict[Loc, Bound] = {
        (*expectation.loc, key): bound
        for _, _, expectation in expectations
        if expectation.query is not None
        for key, bound in expectation.query.sources
    }
    for index, mix in enumerate(scenario.identities):
        if mix.from_ is not None:
            statements["identities", index, "from"] = bind(mix.from_)
    search_path = Caller(scenario.stack.postgrest).search_path
    mistakes: list[SqlMistake] = []
    for loc, bound in statements.items():
        try:
            async with database.reading() as connection:
                if loc[-1] == "rows_as_identity":
                    await connection.execute("SELECT set_config('search_path', $1, true)", search_path)
                # PostgreSQL parses, analyses and plans the statement, and does not run it.
                await connection.fetch(f"{_EXPLAIN}{bound.sql}", *[None] * len(bound.names))
        except asyncpg.PostgresError as error:
            await _refuse_bound_role(database)
            mistakes.append(SqlMistake(loc, _offset(bound, error), sql_problem(error)))
    return mistakes


async def read_identities(database: Database, scenario: Scenario) -> dict[int, list[dict[str, Any]]]:
    """Return the rows of every claim mix that is read `from` the database, by the mix's index.

    Raises:
        EnvironmentProblem: the database cannot be read.
        UsageProblem: a statement fails as it runs.
    """
    rows: dict[int, list[dict[str, Any]]] = {}
    for index, mix in enumerate(scenario.identities):
        if mix.from_ is not None:
            async with database.reading() as connection:
                rows[index] = await _json_rows(connection, mix.from_)
    return rows


def _offset(bound: Bound, error: asyncpg.PostgresError) -> int | None:
    position = getattr(error, "position", None)  # from 1, in what was sent
    return bound.source_offset(int(position) - 1 - len(_EXPLAIN)) if position else None


async def _json_rows(connection: Connection, sql: str) -> list[dict[str, Any]]:
    statement = f"SELECT row_to_json(_row)::text FROM (\n{bind(sql).sql}\n) AS _row"  # noqa: S608 -- the scenario's own
    try:
        return [parse(record[0]) for record in await connection.fetch(statement)]
    except asyncpg.PostgresError as error:
        raise UsageProblem(
            f"identities cannot be read from {' '.join(sql.split())[:_SHOWN]!r}: {sql_problem(error)}",
            "Run the statement by hand, as the role of --database: it fails on the rows that are there.",
        ) from None


async def _refuse_bound_role(database: Database) -> None:
    """Tell a role that policies bind from any other mistake: it is the one that would make every verdict worthless."""
    async with database.reading() as connection:
        tables = [record[0] for record in await connection.fetch(_BOUND)]
        role = await connection.fetchval("SELECT current_user")
    if tables:
        raise EnvironmentProblem(
            f"the oracle's role {role!r} is bound by row security on {', '.join(tables)}: it would not see every row, "
            "so its expected rows would prove nothing",
            "Give --database a role that sees every row: the tables' owner (without FORCE ROW LEVEL SECURITY), or one "
            "with BYPASSRLS.",
        )
