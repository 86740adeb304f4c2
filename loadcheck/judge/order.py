"""Order: rows that `order=` leaves level may come one before the other, or the other before the one."""

from collections.abc import Sequence
from typing import Any

from loadcheck.oracle.rows import row_digest


def same_order(rows: Sequence[Any], others: Sequence[Any], columns: Sequence[str]) -> bool | None:
    """Return whether the same rows, in two orders, are both ordered by the same columns.

    Args:
        rows: The rows, as `parse` returns them.
        others: The same rows in another order, which is known to be right.
        columns: What they are ordered by; every order is right where there are none.

    Returns:
        None where the rows lack one of the columns, so that there is no telling.
    """
    if not columns:
        return True
    if not all(isinstance(row, dict) and row.keys() >= set(columns) for row in rows):
        return None
    return _ranks(rows, columns) == _ranks(others, columns)


def _ranks(rows: Sequence[Any], columns: Sequence[str]) -> list[bytes]:
    return [row_digest([row[column] for column in columns]) for row in rows]
