"""What is about to be written: all that the engine hands over in one turn of the event loop goes out in a row."""

import asyncio
from dataclasses import dataclass

from loadcheck.engine.events import Answer
from loadcheck.engine.wire_connection import Connection
from loadcheck.engine.wire_deadlines import Deadlines


@dataclass(slots=True)
class _Waiting:
    """A request that waits to be written.

    Attributes:
        pause: Seconds for which its answer is to be left unread.
        answered: Is to have its answer; None where not one byte could be written.
    """

    connection: Connection
    request: bytes
    method: str
    pause: float
    answered: asyncio.Future[Answer | None]


class Outbox:
    """Writes requests one right after another, when everybody who runs now has handed over theirs.

    A server that is quicker than loadcheck falls asleep between two requests, and to wake it is most of what sending
    costs: 7 us a request where something else is done in between, and 2.5 us in a row.

    Args:
        deadlines: Watch each exchange from its first byte on.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiting] = []

    def add(self, connection: Connection, request: bytes, method: str, pause: float) -> asyncio.Future[Answer | None]:
        """Return the answer to come of a request that goes out soon; None where not one byte could be written."""
        if not self._waiting:
            self._loop.call_soon(self._write_all)
        answered: asyncio.Future[Answer | None] = self._loop.create_future()
        self._waiting.append(_Waiting(connection, request, method, pause, answered))
        return answered

    def _write_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if each.answered.done():  # cancelled meanwhile
                continue
            if not each.connection.begin(each.request, each.method, each.answered):
                each.answered.set_result(None)
                continue
            self._deadlines.start(each.connection)
            if each.pause:
                each.connection.leave_unread(each.pause)
