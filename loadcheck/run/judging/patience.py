"""Looking at tables until they can be looked at: the database may just be coming back."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg

from loadcheck.clock import Clock
from loadcheck.errors import LoadcheckError
from loadcheck.oracle.database import GONE, sql_problem

FAILURES: Final = (LoadcheckError, asyncpg.PostgresError, *GONE)
"""What a look raises where the table cannot be looked at just now."""

T = TypeVar("T")

INTERRUPTED: Final = "the tables could not be audited to the end: interrupted"

TRIES: Final = 20

_RETRY_S: Final = 1.0


class Unseen(Exception):
    """A table could not be looked at; its text is why, for people."""


async def looked(look: Callable[[], Awaitable[T]], clock: Clock, tries: int = TRIES) -> T:
    """Look until it can be done, a second between; return what was found.

    Raises:
        Unseen: it could not be done after so many tries.
    """
    while True:
        tries -= 1
        try:
            return await look()
        except FAILURES as error:
            if not tries:
                raise Unseen(why(error)) from None
        await clock.sleep(_RETRY_S)


def why(error: BaseException) -> str:
    """Return why a table could not be looked at, for people."""
    if isinstance(error, LoadcheckError):
        return error.message
    return sql_problem(error) if isinstance(error, asyncpg.PostgresError) else type(error).__name__
