"""How PostgREST writes the rows of an answer, so that PostgreSQL writes the expected ones alike.

https://docs.postgrest.org/en/v12/references/api/resource_representation.html
"""

from dataclasses import dataclass
from typing import Final, Self

from loadcheck.scenario.request import Request

# What a function returns that is neither a row nor JSON is written without a name: 5 rather than {"count": 5}.
_OF_FUNCTION: Final = """(
    SELECT CASE WHEN count(*) = 1 AND {bare} THEN (array_agg(value))[1] ELSE row_to_json(_row) END
    FROM json_each(row_to_json(_row)))"""
_BARE: Final = """(
    SELECT coalesce(bool_and(
        typtype NOT IN ('c', 'p') AND typname NOT IN ('json', 'jsonb')
        AND NOT coalesce(proargmodes::text[] && ARRAY['o', 'b', 't'], false)), false)
    FROM pg_catalog.pg_proc JOIN pg_catalog.pg_type ON pg_type.oid = prorettype
    WHERE proname = {name} AND pronamespace <> 'pg_catalog'::regnamespace)"""


@dataclass(frozen=True, slots=True)
class Form:
    """The form of an answer's rows.

    Attributes:
        function: The function whose rows they are; empty where they are a table's.
        time_zone: In which times are written; empty: in the role's own.
        stripped: Whether keys without a value are left out.
    """

    function: str = ""
    time_zone: str = ""
    stripped: bool = False

    @classmethod
    def of(cls, request: Request) -> Self:
        """Return the form of the answers to a request."""
        preferences = (one.strip().partition("=") for one in request.header("prefer").split(","))
        zones = (zone for name, _, zone in preferences if name == "timezone" and "{" not in zone)
        return cls(request.function, next(zones, ""), "nulls=stripped" in request.header("accept"))

    @property
    def row(self) -> str:
        """SQL for a row, `_row`, that is to be written as JSON."""
        if not self.function:
            return "json_strip_nulls(row_to_json(_row))" if self.stripped else "_row"
        row = _OF_FUNCTION.format(bare=_BARE.format(name=_literal(self.function)))
        return f"json_strip_nulls({row})" if self.stripped else row


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
