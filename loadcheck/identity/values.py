"""Values on their way between YAML, SQL and JSON."""

import json
import math
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from loadcheck.errors import UsageProblem

json_text: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
"""Write a JSON value compactly, as PostgREST hands claims to PostgreSQL."""


def json_value(value: Any, label: str) -> Any:
    """Return a value as JSON can hold it: dates and UUIDs as text, as is a number too long for a float.

    Args:
        value: What YAML or asyncpg read.
        label: Whose it is, for the message.

    Raises:
        UsageProblem: JSON has nothing for it.
    """
    match value:
        case str() if "\0" in value:
            raise UsageProblem(
                f"identity {label}: {value!r} cannot be a claim or a variable",
                "PostgreSQL has no NUL character in text.",
            )
        case None | bool() | int() | str():
            return value
        case float() | Decimal():
            return _number(value, label)
        case Mapping():
            return {str(name): json_value(inner, label) for name, inner in value.items()}
        case list() | tuple():
            return [json_value(inner, label) for inner in value]
        case date() | time():
            return value.isoformat()
        case UUID():
            return str(value)
    raise UsageProblem(
        f"identity {label}: a value of type {type(value).__name__} cannot be a claim or a variable",
        "Cast it to text: in the statement after `from`, or with quotes in the claims.",
    )


def text(value: Any) -> str | None:
    """Return a JSON value as PostgreSQL's `->>` does: text as it is, null as None, anything else as JSON."""
    return value if value is None or isinstance(value, str) else json_text(value)


def _number(value: float | Decimal, label: str) -> int | float | str:
    if not math.isfinite(value):
        raise UsageProblem(f"identity {label}: {value} cannot be a claim or a variable", "JSON has no such number.")
    if isinstance(value, float):
        return value
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)
