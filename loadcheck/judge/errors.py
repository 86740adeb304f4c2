"""Error answers: what PostgREST and PostgreSQL say went wrong, and whether it is an outage or evidence.

Codes: https://docs.postgrest.org/en/v12/references/errors.html and
https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from typing import Final

from loadcheck.engine.events import Answer
from loadcheck.oracle.rows import parse

FRAMING: Final = frozenset({"25001", "25P01", "25P02", "26000", "42P05"})
"""What PostgreSQL answers when statements of different clients meet in one transaction or session."""

LOST_SETTINGS: Final = FRAMING | {"22P02"}
"""The same, and what a policy answers that casts a claim which is not there."""

_PROTOCOL_VIOLATION: Final = "08P01"
_BIND: Final = "bind message"

_UNAVAILABLE: Final = frozenset({429, 502, 503, 504})
_OUTAGES: Final = (
    "PGRST000",  # PostgREST cannot connect to the database
    "PGRST001",  # the same, internally
    "PGRST002",  # the schema cache cannot be loaded
    "PGRST003",  # no connection of the pool came free in time
    "08000",  # connection exceptions; not 08P01, which crossed prepared statements make
    "08001",
    "08003",
    "08004",
    "08006",
    "53",  # insufficient resources
    "57P",  # the server shuts down, crashed, or starts up
)


def code_of(answer: Answer) -> str:
    """Return the error code in the answer's body, or an empty string."""
    return _text(answer, "code")


def is_framing(answer: Answer, code: str) -> bool:
    """Whether the answer tells that statements of different clients met in one transaction or session.

    PgBouncer gives 08P01 to all that it says itself; PostgreSQL where one client's parameters meet a statement that
    another one has prepared under the same name.
    """
    return code in FRAMING or (code == _PROTOCOL_VIOLATION and _text(answer, "message").startswith(_BIND))


def is_outage(status: int, code: str) -> bool:
    """Whether the target refused because it was not available, which says nothing about anybody's rows.

    A code that PostgreSQL gave decides over the status: PostgREST answers 503 for some that are evidence.
    """
    return code.startswith(_OUTAGES) if code else status in _UNAVAILABLE


def _text(answer: Answer, key: str) -> str:
    try:
        body = parse(answer.body)
    except ValueError:
        return ""
    text = body.get(key) if isinstance(body, dict) else None
    return text if isinstance(text, str) else ""
