"""Looking at tables until they can be looked at: the database may just be coming back."""

from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from loadcheck.clock import Clock
from loadcheck.errors import LoadcheckError
from loadcheck.oracle.database import GONE, sql_problem

FAILURES: Final = (LoadcheckError, asyncpg.PostgresError, *GONE)
"""What a look raises where the table cannot be looked at just now."""

INTERRUPTED: Final = "the tables could not be audited to the end: interrupted"

TRIES: Final = 20

_RETRY_S: Final = 1.0


async def looked(look: Callable[[], Awaitable[None]], clock: Clock, tries: int = TRIES) -> str:
    """Look until it can be done, a second between; return why it could not after so many tries, or nothing."""
    for left in reversed(range(tries)):
        try:
            await look()
        except FAILURES as error:
            if not left:
                return why(error)
            await clock.sleep(_RETRY_S)
        else:
            break
    return ""


def why(error: BaseException) -> str:
    """Return why a table could not be looked at, for people."""
    if isinstance(error, LoadcheckError):
        return error.message
    return sql_problem(error) if isinstance(error, asyncpg.PostgresError) else type(error).__name__
