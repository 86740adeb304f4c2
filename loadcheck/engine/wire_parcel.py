"""A request on its way, from the moment it was handed over until somebody was told what came of it."""

from typing import TYPE_CHECKING

from loadcheck.engine.events import Answer, Lost
from loadcheck.engine.transport import Landed, LostAnswer

if TYPE_CHECKING:  # connections and origins know parcels
    import asyncio

    from loadcheck.engine.wire_connection import Connection
    from loadcheck.engine.wire_origin import Origin


class Parcel:
    """A request on its way: over as soon as somebody was told what came of it, or nobody wants to know any more.

    Attributes:
        origin: Where it goes.
        request: What is written.
        method: The request's.
        pause: Seconds for which its answer is left unread.
        connection: Where it is written to; None before there is one.
        helpers: What gets it a connection of its own in time, and is cancelled when it is over.
        over: Whether there is no more to do.
    """

    __slots__ = ("_landed", "connection", "helpers", "method", "origin", "over", "pause", "request")

    origin: "Origin"

    def __init__(self, landed: Landed, method: str, pause: float) -> None:
        self._landed = landed
        self.method = method
        self.pause = pause
        self.request = b""
        self.connection: Connection | None = None
        self.helpers: tuple[asyncio.Task[None] | asyncio.TimerHandle, ...] = ()
        self.over = False

    def land(self, came: Answer | Exception) -> None:
        """Tell what came of it."""
        if not self.over:
            self._end()
            self._landed(came)

    def expire(self) -> None:
        """Lose its answer, for it took too long."""
        if not self.over:
            self.abort()
            self._landed(LostAnswer(Lost.TIMEOUT))

    def abort(self) -> None:
        """Give it up, and close its connection at once: its answer may still come. Nothing if it is over."""
        if self.over:
            return
        self._end()
        if self.connection is not None:
            self.connection.abort()

    def _end(self) -> None:
        self.over = True
        for helper in self.helpers:
            helper.cancel()
