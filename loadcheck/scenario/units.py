"""Quantities with units, as people write them in a scenario: `250ms`, `400/s`, `0.1%`, `64MB`."""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES: Final = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_PER: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}

_DIGITS: Final = 40  # far more than any quantity needs, and still a finite number
_NUMBER: Final = r"([0-9]+(?:\.[0-9]+)?(?:[eE]-?[0-9])?)"
_DURATION_PATTERN: Final = rf"^{_NUMBER}\s*(ms|s|m|h)?$"
_RATE_PATTERN: Final = rf"^{_NUMBER}(?:\s*/\s*(s|m|h))?$"
_SHARE_PATTERN: Final = rf"^{_NUMBER}\s*(%)?$"
_SIZE_PATTERN: Final = rf"^([0-9]+)\s*({'|'.join(_BYTES)})?$"


def _quantity(value: object, pattern: str, advice: str) -> tuple[float, str]:
    """Split a quantity into its number and its unit; a bare number, even as text, has the unit ``""``."""
    if isinstance(value, bool):
        raise ValueError(advice)  # noqa: TRY004 -- pydantic reports ValueError, not TypeError
    match = re.match(pattern, str(value).strip()) if isinstance(value, int | float | str) else None
    if match is None or len(match[1]) > _DIGITS:
        raise ValueError(advice)
    return float(match[1]), match[2] or ""


def parse_duration(value: object) -> float:
    """Return seconds; a bare number is seconds already.

    Raises:
        ValueError: it is not a duration.
    """
    number, unit = _quantity(value, _DURATION_PATTERN, "not a duration: write it like 250ms, 10s, 5m or 1h")
    return number * _SECONDS[unit or "s"]


def parse_rate(value: object) -> float:
    """Return exchanges a second; a bare number is that already.

    Raises:
        ValueError: it is not a rate.
    """
    number, unit = _quantity(value, _RATE_PATTERN, "not a rate: write it like 400/s or 600/m")
    return number / _PER[unit or "s"]


def parse_share(value: object) -> float:
    """Return a share from 0 to 1, from `0.1%` or from a bare number such as 0.001.

    Raises:
        ValueError: it is not a share, or more than the whole.
    """
    advice = "not a share: write it like 0.1% or 0.001"
    number, unit = _quantity(value, _SHARE_PATTERN, advice)
    share = number / 100 if unit == "%" else number
    if not 0 <= share <= 1:
        raise ValueError(advice)
    return share


def parse_size(value: object) -> int:
    """Return bytes; a bare number is bytes already.

    Raises:
        ValueError: it is not a size.
    """
    number, unit = _quantity(value, _SIZE_PATTERN, "not a size: write it like 64MB or 512KiB")
    return int(number) * _BYTES[unit or "B"]


def _written(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": pattern}]})


Duration = Annotated[float, BeforeValidator(parse_duration), _written(_DURATION_PATTERN)]
"""Seconds."""
Rate = Annotated[float, BeforeValidator(parse_rate), _written(_RATE_PATTERN)]
"""Exchanges a second."""
Share = Annotated[float, BeforeValidator(parse_share), _written(_SHARE_PATTERN)]
"""A part of the whole, 0 to 1."""
Size = Annotated[int, BeforeValidator(parse_size), _written(_SIZE_PATTERN)]
"""Bytes."""
