"""Rows as digests: two rows have the same digest exactly when they are the same JSON value.

Numbers compare by value and exactly: `1.50` is `1.5`, and a bigint above 2^53 or a numeric(30,10) loses no digit.
The order of an object's keys and white space do not matter.
"""

import json
import re
from collections.abc import Iterator
from decimal import Context, Decimal
from hashlib import blake2b
from typing import Any, Final

DIGEST_BYTES: Final = 16

_EXACT: Final = Context(prec=200_000, Emax=10**9, Emin=-(10**9))  # PostgreSQL's numeric has 147,455 digits at most
_INT_DIGITS: Final = 4_000  # CPython refuses to convert integers of more than 4,300 digits


def _number(lexeme: str) -> int | Decimal:
    """Return one and the same object value for every way to write a number."""
    value = Decimal(lexeme).normalize(_EXACT)
    exponent = value.as_tuple().exponent
    whole = isinstance(exponent, int) and exponent >= 0 and value.adjusted() < _INT_DIGITS
    return int(value) if whole else value


def _integer(lexeme: str) -> int | Decimal:
    return int(lexeme) if len(lexeme) < _INT_DIGITS else _number(lexeme)


def _no_number(lexeme: str) -> None:
    raise ValueError(f"{lexeme} is not JSON")


def _tagged(value: object) -> dict[str, str]:
    # No key of PostgreSQL's can hold a NUL, so a tagged number is never mistaken for an object.
    return {"\0": str(value)}


_TAGGED_NUMBER: Final = re.compile(r'\{"\\u0000": "([^"]*)"\}')

_decode = json.JSONDecoder(parse_float=_number, parse_int=_integer, parse_constant=_no_number).decode
_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_tagged, check_circular=False
).encode


def parse(text: bytes | str) -> Any:
    """Return the JSON value with exact numbers.

    Raises:
        ValueError: it is not JSON, or nested more deeply than can be read.
    """
    try:
        return _decode(text if isinstance(text, str) else text.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def digest(data: bytes | str) -> bytes:
    """Return the digest of bytes as they are; a `str` counts as its UTF-8 bytes."""
    return blake2b(data if isinstance(data, bytes) else data.encode(), digest_size=DIGEST_BYTES).digest()


def row_digest(row: Any) -> bytes:
    """Return the digest of one row, as `parse` returned it."""
    return blake2b(_encode(row).encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


def as_rows(value: Any) -> list[Any]:
    """Return an answer's rows: an array's elements, or the one object that stands alone."""
    return value if isinstance(value, list) else [value]


def split(digests: bytes) -> Iterator[bytes]:
    """Yield the single digests of a concatenation."""
    return (digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES))


def show(row: Any) -> str:
    """Return a row as JSON text for people, numbers as they are."""
    return _TAGGED_NUMBER.sub(r"\1", json.dumps(row, ensure_ascii=False, default=_tagged))
