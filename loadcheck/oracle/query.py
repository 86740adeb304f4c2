"""One statement for many identities: expected rows of a whole batch of bindings in one round trip."""

from collections.abc import Mapping, Sequence

from loadcheck.oracle.database import Connection
from loadcheck.oracle.form import Form
from loadcheck.scenario.binding import Bound

Bindings = tuple[str | None, ...]
"""The values of a query's names, in their order, as text."""

Raw = tuple[str, int | None, str]
"""Rows as one JSON array, the count, and the version of the data."""

_PLAIN = Form()
_EACH = "_loadcheck"
_VERSION = "txid_current_snapshot()::text"  # pg_current_snapshot() does not exist before PostgreSQL 13
_ROWS = "(SELECT coalesce(json_agg({row}), '[]')::text FROM (\n{sql}\n) AS _row)"
_COUNT = "(\n{sql}\n)::bigint"


class Query:
    """A scenario's SQL for rows, for a count, or for both.

    The scenario's statement becomes a subquery over the bindings, with each `:name` a column of theirs: the same text,
    analysed once and run for each set of bindings. Rows are written as JSON by PostgreSQL, as PostgREST has them
    written, so both sides agree on every type without a table of types.

    Args:
        rows: The statement for the rows.
        count: The statement for the count.
        form: How the rows are written.
        as_identity: Whether it is run as the identity, under row security, rather than as the oracle.
    """

    def __init__(self, rows: Bound | None, count: Bound | None, form: Form = _PLAIN, *, as_identity: bool) -> None:
        self._time_zone = form.time_zone
        self.as_identity = as_identity
        self.reads_rows = rows is not None
        self.names = tuple(dict.fromkeys([*(rows.names if rows else ()), *(count.names if count else ())]))
        self.sources = tuple(
            (key, bound)
            for key, bound in (("rows_as_identity" if as_identity else "rows", rows), ("count", count))
            if bound is not None
        )
        """The scenario's statements, each with its key in the scenario."""
        shape = _ROWS.replace("{row}", form.row)
        self._sql = f"SELECT {_part(shape, rows)}, {_part(_COUNT, count)}, {_VERSION} FROM {_bindings(self.names)}"  # noqa: S608 -- the scenario's own SQL; values are bound

    def select(self, values: Mapping[str, str | None]) -> Bindings:
        """Return the bindings that this query uses, out of all of an exchange's."""
        return tuple(values.get(name) for name in self.names)

    async def run(self, connection: Connection, batch: Sequence[Bindings]) -> list[Raw]:
        """Return what PostgreSQL answers for each set of bindings.

        Raises:
            asyncpg.PostgresError: PostgreSQL refuses the statement or fails in it.
        """
        if self._time_zone:
            await connection.execute("SELECT set_config('TimeZone', $1, true)", self._time_zone)
        columns = [list(column) for column in zip(*batch, strict=True)] if self.names else [[""] * len(batch)]
        records = await connection.fetch(self._sql, *columns)
        # One string for all of a statement's truths: there may be hundreds of thousands.
        version = records[0][2] if records else ""
        return [(rows or "[]", total, version) for rows, total, _ in records]


def as_written(problem: str) -> str:
    """Return what PostgreSQL says of a statement, with names bound as the scenario has them."""
    return problem.replace(f'"{_EACH}.', '":').replace(f"{_EACH}.", ":")


def _part(shape: str, bound: Bound | None) -> str:
    return "NULL" if bound is None else shape.replace("{sql}", bound.render(_column))


def _column(name: str) -> str:
    column = f"{_EACH}.{_quoted(name)}"
    return f"({column})::jsonb" if name == "claims" else column


def _bindings(names: Sequence[str]) -> str:
    columns = names or ["none"]
    arrays = ", ".join(f"${at}::text[]" for at in range(1, len(columns) + 1))
    listed = ", ".join(map(_quoted, columns))
    return f'unnest({arrays}) WITH ORDINALITY AS {_EACH}({listed}, "#") ORDER BY "#"'


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
