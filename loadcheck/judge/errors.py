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

# How PgBouncer begins where it has no server, or no room, for whoever asks: the reasons of `disconnect_client` and
# `disconnect_server` in https://github.com/pgbouncer/pgbouncer/tree/master/src (objects.c, server.c, janitor.c,
# client.c). Its reasons of broken packets, of prepared statements and of queries that took too long are not among them.
_POOLER_OUTAGES: Final = (
    "server conn crashed?",
    "server login has been failing",
    "pgbouncer cannot connect to server",
    "query_wait_timeout",
    "client_idle_timeout",
    "client_login_timeout",
    "no more connections allowed",
    "client connections exceeded",
    "database configuration changed",
    "database removed",
    "server shutting down",
    "suspend_timeout",
)
_POOLER_DISABLED: Final = '" is disabled'

_SUCCESS: Final = range(200, 400)
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
    return _text(answer, "code") or ""


def is_framing(answer: Answer, code: str) -> bool:
    """Whether the answer tells that statements of different clients met in one transaction or session.

    PgBouncer gives 08P01 to all that it says itself; PostgreSQL where one client's parameters meet a statement that
    another one has prepared under the same name.
    """
    return code in FRAMING or (code == _PROTOCOL_VIOLATION and _message(answer).startswith(_BIND))


def is_outage(answer: Answer) -> bool:
    """Whether the target refused because it was not available, which says nothing about anybody's rows.

    A code decides over the status: PostgREST answers 503 for some that are evidence. Of PgBouncer's own code its words
    decide. Without any word PostgREST was told nothing: its connection broke (12.0.2 answers 400).
    """
    code = code_of(answer)
    if code == _PROTOCOL_VIOLATION:
        return _message(answer).startswith(_POOLER_OUTAGES) or _message(answer).endswith(_POOLER_DISABLED)
    return code.startswith(_OUTAGES) if code else answer.status in _UNAVAILABLE or _speechless(answer)


def _speechless(answer: Answer) -> bool:
    """Whether an error has a code and a message, and both are empty: libpq has no fields where the server said none."""
    return answer.status not in _SUCCESS and _text(answer, "code") == "" == _text(answer, "message")


def _message(answer: Answer) -> str:
    return _text(answer, "message") or ""


def _text(answer: Answer, key: str) -> str | None:
    """Return a text of the answer's body; None where it has none."""
    try:
        body = parse(answer.body)
    except ValueError:
        return None
    text = body.get(key) if isinstance(body, dict) else None
    return text if isinstance(text, str) else None
