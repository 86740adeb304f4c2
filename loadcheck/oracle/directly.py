"""Directly: which rows PostgreSQL itself shows an identity, with nothing between that could mix callers up.

What is wrong here is wrong by the policies alone; what is right here was made wrong on the way.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadcheck.oracle.catalogue import policies
from loadcheck.oracle.database import Connection, Database
from loadcheck.oracle.oracle import Oracle

_TIMEOUT: Final = "SET LOCAL statement_timeout = '5s'"
_SHOWN: Final = 160
_PATH: Final = re.compile(r"/(rpc/)?([A-Za-z_][A-Za-z0-9_]*)(\?.*)?")


@dataclass(frozen=True, slots=True)
class Seen:
    """How many rows an identity sees although it should not, or does not see although it should.

    Attributes:
        wrong: How many.
        asked: Of how many; 0 when it could not be asked.
    """

    wrong: int = 0
    asked: int = 0


async def seen_directly(
    oracle: Oracle, database: Database, identity: int, path: str, not_own: Sequence[str], own: Sequence[str]
) -> Seen:
    """Ask PostgreSQL, as an identity, for rows that its answers wrongly had or had not.

    Args:
        oracle: Takes on the identity.
        database: Tells which rows there are.
        identity: Index into the population.
        path: The request's: the table, view or function that it reads is asked without any of its filters.
        not_own: Rows that the identity should not see, as JSON text.
        own: Rows that it should see.

    Raises:
        asyncpg.PostgresError: PostgreSQL refuses.
        LoadcheckError: the identity cannot be taken on.
    """
    source = _PATH.fullmatch(path)
    if source is None or not (not_own or own):
        return Seen()
    called = bool(source[1])
    if called and source[3]:
        return Seen()
    relation = f'"{source[2]}"()' if called else f'"{source[2]}"'
    if not called:
        async with database.reading() as connection:
            there = await _found(connection, relation, [*not_own, *own])
        not_own = [row for row in not_own if row in there]
        own = [row for row in own if row in there]
    async with oracle.as_identity(identity) as connection:
        visible = await _found(connection, relation, [*not_own, *own])
    wrong = sum(row in visible for row in not_own) + sum(row not in visible for row in own)
    # Nobody else can tell which rows a function has: only that it returns them says something.
    return Seen() if called and not wrong == len(not_own) > 0 else Seen(wrong, len(not_own) + len(own))


async def admitting(oracle: Oracle, database: Database, identity: int, table: str, rows: Sequence[str]) -> list[str]:
    """Return the policies of a table, in words: those alone that let an identity read one of the rows, if any do.

    Args:
        oracle: Takes on the identity.
        database: Tells which policies there are.
        identity: Index into the population.
        table: Its name, quoted as in SQL.
        rows: That the identity should not see, as JSON text.

    Raises:
        asyncpg.PostgresError: PostgreSQL refuses.
        LoadcheckError: the identity cannot be taken on.
    """
    rules = await policies(database, table)
    async with oracle.as_identity(identity) as connection:
        open_ = [name for name, condition in rules if await _admits(connection, table, condition, rows)]
    if open_:
        told = dict(rules)
        return [f"policy {name} of table {table} lets it through: using {_shortened(told[name])}" for name in open_]
    names = ", ".join(name for name, _ in rules)
    return [f"policies of table {table}: {names}" if names else f"table {table} has no policy for reading"]


async def _admits(connection: Connection, table: str, condition: str, rows: Sequence[str]) -> bool:
    await connection.execute(_TIMEOUT)
    row = f"to_jsonb({table}.*)"  # no alias: the condition may name the table
    sql = f"SELECT EXISTS (SELECT FROM {table} WHERE {row} @> $1::jsonb AND ({condition}))"  # noqa: S608 -- the catalogue's
    return any([await connection.fetchval(sql, row) for row in rows])


def _shortened(condition: str) -> str:
    one_line = " ".join(condition.split())
    return one_line if len(one_line) <= _SHOWN else f"{one_line[: _SHOWN - 1]}…"


async def _found(connection: Connection, relation: str, rows: Sequence[str]) -> set[str]:
    """Return those of the rows that are in a relation, whatever other columns it has."""
    await connection.execute(_TIMEOUT)
    sql = f"SELECT EXISTS (SELECT FROM {relation} AS r WHERE to_jsonb(r) @> $1::jsonb)"  # noqa: S608 -- a quoted name
    return {row for row in rows if await connection.fetchval(sql, row)}
