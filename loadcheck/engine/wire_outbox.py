"""What is about to be written: all that the engine hands over in one turn of the event loop goes out in a row."""

import asyncio
from collections.abc import Callable

from loadcheck.engine.wire_deadlines import Deadlines
from loadcheck.engine.wire_parcel import Parcel


class Outbox:
    """Writes requests one right after another, when everybody who runs now has handed over theirs.

    A server that is quicker than loadcheck falls asleep between two requests, and to wake it is most of what sending
    costs: 7 us a request where something else is done in between, and 2.5 us in a row.

    Args:
        deadlines: Watch each exchange from its first byte on.
        unwritten: Called with a parcel of which not one byte could be written to its connection.
    """

    def __init__(self, deadlines: Deadlines, unwritten: Callable[[Parcel], None]) -> None:
        self._deadlines = deadlines
        self._unwritten = unwritten
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Parcel] = []

    def add(self, parcel: Parcel) -> None:
        """Have it written soon, to its connection."""
        if not self._waiting:
            self._loop.call_soon(self._write_all)
        self._waiting.append(parcel)

    def _write_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for parcel in waiting:
            connection = parcel.connection
            if parcel.over or connection is None:  # given up meanwhile
                continue
            if not connection.begin(parcel):
                self._unwritten(parcel)
                continue
            self._deadlines.start(connection)
            if parcel.pause:
                connection.leave_unread(parcel.pause)
