"""One time limit for every exchange, with one timer for all of them."""

import asyncio
from collections.abc import Callable

from loadcheck.engine.events import Lost
from loadcheck.engine.wire_connection import Connection


class Deadlines:
    """Gives up exchanges that take too long. All have the same limit, so those that began first are due first.

    Args:
        limit: Seconds for an exchange.
        now: The run's clock.
    """

    def __init__(self, limit: float, now: Callable[[], float]) -> None:
        self._limit = limit
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._due: dict[Connection, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self, connection: Connection) -> None:
        """Watch the exchange that begins on a connection."""
        self._due[connection] = connection.sent + self._limit
        if self._timer is None:
            self._timer = self._loop.call_later(self._limit, self._look)

    def end(self, connection: Connection) -> None:
        """Watch it no longer."""
        self._due.pop(connection, None)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        """Give up what is due, and look again when the next one may be."""
        self._timer = None
        now = self._now()
        for connection, due in list(self._due.items()):
            if due > now:
                self._timer = self._loop.call_later(due - now, self._look)
                return
            connection.give_up(Lost.TIMEOUT)
