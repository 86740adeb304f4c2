"""What stands in the tables that a run writes to, read straight from PostgreSQL, in batches and in one snapshot."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from loadcheck.oracle.database import Connection, Database, connect
from loadcheck.oracle.marks import Marks
from loadcheck.scenario.writes import Table

SEPARATOR: Final = "\x1f"
"""Stands between the values of several owner columns; no key of theirs holds it."""

_BATCH: Final = 5_000
_CLEARING: Final = "BEGIN READ WRITE; SET LOCAL row_security = off; SET LOCAL statement_timeout = '300s'"


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a table.

    Attributes:
        mark: What its mark column holds.
        owner: What its owner columns hold, as one text.
        key: What its key column holds; empty where the table has none.
    """

    mark: str | None
    owner: str
    key: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells whether rows have changed: how many there are, and the sum of their hashes, whatever their order."""

    count: int
    sum: int


class WrittenTable:
    """Reads one table.

    Args:
        name: As the scenario has it, with or without a schema.
        table: Its columns.
        marks: Tell the run's rows from all others.
    """

    def __init__(self, name: str, table: Table, marks: Marks) -> None:
        self.name = name
        self.relation = quoted(name)
        self._mark = f"{_quoted(table.mark)}::text"
        self._ours = f"coalesce({self._mark} ~ '{marks.pattern}', false)"
        owner = ", ".join(f"{_quoted(column)}::text" for column in table.owner)
        self._owner = f"concat_ws(chr({ord(SEPARATOR)}), {owner})"
        self._key = f"{_quoted(table.key)}::text" if table.key else "''"
        self._columns = f"{self._mark}, {self._owner}, {self._key}"

    async def check(self, database: Database) -> None:
        """Ask for nothing, which tells whether the columns are there.

        Raises:
            asyncpg.PostgresError: they are not.
        """
        async with database.reading() as connection:
            await connection.fetch(f"SELECT {self._columns}, {self._ours} FROM {self.relation} LIMIT 0")  # noqa: S608 -- quoted names

    async def strangers(self, database: Database, owners: Sequence[str]) -> int:
        """Return how many rows of these owners the run has not written."""
        async with database.reading() as connection:
            counted: int = await connection.fetchval(
                f"SELECT count(*) FROM {self.relation} WHERE NOT {self._ours} AND {self._owner} = ANY($1::text[])",  # noqa: S608 -- quoted names
                owners,
            )
        return counted

    async def ours(self, database: Database, part: int = 0, parts: int = 1) -> AsyncIterator[list[Found]]:
        """Yield all rows that the run has written, or a part of them, in batches of one snapshot.

        Args:
            database: Where they are read.
            part: Of the rows whose writes' `seq` has this remainder,
            parts: when divided by so many.
        """
        own = self._ours if parts == 1 else self._with_seq(f"% {parts} = {part}")
        async for batch in self._batches(database, self._columns, own):
            yield [Found(*record) for record in batch]

    async def of(self, database: Database, owner: str, marks: Iterable[str]) -> list[Found]:
        """Return the rows of an owner, and those with one of these marks, whoever owns them."""
        async with database.reading() as connection:
            records = await connection.fetch(
                f"SELECT {self._columns} FROM {self.relation} WHERE {self._owner} = $1 OR {self._mark} = ANY($2)",  # noqa: S608 -- quoted names
                owner,
                list(marks),
            )
        return [Found(*record) for record in records]

    async def marked(self, database: Database, mark: str) -> list[Found]:
        """Return the rows with a mark, whoever owns them."""
        async with database.reading() as connection:
            records = await connection.fetch(
                f"SELECT {self._columns} FROM {self.relation} WHERE {self._mark} = $1",  # noqa: S608 -- quoted names
                mark,
            )
        return [Found(*record) for record in records]

    async def others(self, database: Database) -> Fingerprint:
        """Return the fingerprint of all rows that the run has not written."""
        count, total = 0, 0
        async for batch in self._batches(database, "hashtextextended(_row::text, 0)", f"NOT {self._ours}"):
            count += len(batch)
            total = (total + sum(record[0] for record in batch)) % 2**64
        return Fingerprint(count, total)

    async def clear(self, dsn: str) -> int:
        """Delete the rows that the run has written, and return how many there were.

        Raises:
            EnvironmentProblem: there is no way to connect.
            asyncpg.PostgresError: PostgreSQL refuses.
        """
        connection = await connect(dsn)
        try:
            await connection.execute(_CLEARING)
            deleted: str = await connection.execute(self.clearing)
            await connection.execute("COMMIT")
        finally:
            connection.terminate()
        return int(deleted.rpartition(" ")[2])

    @property
    def clearing(self) -> str:
        """The statement that deletes the run's rows."""
        return f"DELETE FROM {self.relation} WHERE {self._ours}"  # noqa: S608 -- quoted names

    def _with_seq(self, condition: str) -> str:
        # CASE: only what is a mark has a number in it to look at.
        return f"CASE WHEN {self._ours} THEN split_part({self._mark}, '-', 5)::numeric {condition} ELSE false END"

    async def _batches(self, database: Database, columns: str, where: str) -> AsyncIterator[list[Any]]:
        async with database.reading() as connection:
            select = f"SELECT {columns} FROM {self.relation} _row WHERE {where}"  # noqa: S608 -- quoted names
            await connection.execute(f"DECLARE _written NO SCROLL CURSOR FOR {select}")
            while batch := await _fetch(connection):
                yield batch


async def _fetch(connection: Connection) -> list[Any]:
    batch: list[Any] = await connection.fetch(f"FETCH {_BATCH} FROM _written")
    return batch


def quoted(table: str) -> str:
    """Return a table's name, with or without a schema, as SQL has it."""
    return ".".join(map(_quoted, table.split(".")))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
