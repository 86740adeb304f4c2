"""What a run writes: its tables, and how rows in them are told to be its own."""

from enum import StrEnum

from pydantic import Field

from loadcheck.scenario.base import Strict


class Does(StrEnum):
    """What a write does to the rows that it reaches."""

    INSERT = "insert"
    UPSERT = "upsert"
    IGNORE = "ignore"
    UPDATE = "update"
    DELETE = "delete"


class Table(Strict):
    """A table that the run writes to. Each row carries the mark of the write that made it, so its writer is known."""

    mark: str = Field(min_length=1)
    """The text column that carries `{mark}`."""
    owner: dict[str, str] = Field(min_length=1)
    """The columns that say whose a row is, and what they hold for an identity: {tenant: "{tenant}"}."""
    key: str = ""
    """The column that tells the rows of one owner apart; none: rows are only added, and only deleted all at once."""


class Written(Strict):
    """Rows as the run's own writes have left them."""

    table: str
    """One of `tables`."""
    row: str = ""
    """The key of the one row that is meant, with placeholders; empty: all rows of the identity."""


class Writes(Written):
    """What a request writes."""

    does: Does | None = None
    """What it does; needed for a function only, for the method and its Prefer header tell it otherwise."""
