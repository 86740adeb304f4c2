"""What a plain YAML scalar means here: JSON's numbers, true, false and null; all else is text.

YAML 1.1 would read `no` as false, `010` as 8, `1:30` as 90 and `2026-01-01` as a date. Here they are the texts that
they look like; where the format wants true or false, `yes` and `no` are still taken for them.
"""

import math
import re
from decimal import Decimal
from typing import Final

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LONGEST: Final = 400  # characters; PostgreSQL's numeric goes on, but Python converts long ones in quadratic time


def plain_scalar(written: str) -> bool | int | float | str | None:
    """Return what an unquoted scalar means.

    Raises:
        ValueError: it is a number that cannot be held exactly.
    """
    if written in _CONSTANTS:
        return _CONSTANTS[written]
    number = _NUMBER.fullmatch(written)
    return _number(written, fractional=any(number.groups())) if number else written


def _number(written: str, *, fractional: bool) -> int | float:
    if len(written) <= _LONGEST:
        if not fractional:
            return int(written)
        value = float(written)
        if math.isfinite(value) and Decimal(written) == Decimal(repr(value)):
            return value
    raise ValueError("this number has more digits than can be held exactly")
