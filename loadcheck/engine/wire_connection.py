"""One connection: one exchange at a time, each written once."""

import asyncio
import re
import socket
from collections.abc import Callable
from functools import lru_cache
from typing import Final, cast

from loadcheck.engine.events import Lost
from loadcheck.engine.transport import LostAnswer
from loadcheck.engine.wire_answers import Answers
from loadcheck.engine.wire_parcel import Parcel

# Most servers keep an idle connection for longer; those that do not mostly say so.
_IDLE_S: Final = 15.0
_TIMEOUT: Final = re.compile(r"timeout\s*=\s*(\d{1,6})", re.IGNORECASE)
# An unasked 408 is how a server says that it closes an idle connection (RFC 9110, 15.5.9).
_FAREWELL: Final = b"HTTP/1.1 408"


class Connection(asyncio.Protocol):
    """Writes a request at once, past the event loop's buffers, and reads its answer.

    Args:
        sock: The socket below; the transport that the event loop makes of it closes it.
        answers: Reads what comes.
        now: The run's clock.
        overheard: Called when the server speaks unasked on the idle connection.
        freed: Called with the connection when an exchange on it has ended, before anybody is told of that.

    Attributes:
        open: Whether another exchange may be tried.
        sent: When the first byte of the latest request was written, by the run's clock.
        fresh_until: By when the server may have closed it for being idle, by the run's clock.
        lost: Done when the connection is gone.
    """

    __slots__ = (
        "_answers",
        "_freed",
        "_loop",
        "_now",
        "_overheard",
        "_parcel",
        "_socket",
        "_transport",
        "fresh_until",
        "lost",
        "open",
        "sent",
    )

    def __init__(
        self,
        sock: socket.socket,
        answers: Answers,
        now: Callable[[], float],
        overheard: Callable[[], None],
        freed: Callable[["Connection"], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._answers = answers
        self._now = now
        self._overheard = overheard
        self._freed = freed
        self._parcel: Parcel | None = None
        self.sent = 0.0
        self._transport: asyncio.Transport
        self.fresh_until = 0.0
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self.open = True

    def begin(self, parcel: Parcel) -> bool:
        """Write a request; return False where not one byte of it could be written."""
        if not self.open or self._transport.is_closing():
            return False
        self._answers.expect(parcel.method)
        self.sent = self._now()
        if not self._write(parcel.request):
            self.abort()
            return False
        self._parcel = parcel
        return True

    def leave_unread(self, seconds: float) -> None:
        """Read nothing of the answer for so long, though it may be there."""
        self._transport.pause_reading()
        self._loop.call_later(seconds, self._read_on)

    def give_up(self, lost: Lost) -> None:
        """Lose the answer that is waited for, if any, and close the connection at once: it may still come."""
        parcel = self._parcel
        self.abort()
        if parcel is not None:
            parcel.land(LostAnswer(lost))

    def abort(self) -> None:
        """Close the connection at once."""
        self.open = False
        self._transport.abort()
        if self._parcel is not None:
            self._parcel = None
            self._freed(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no class of asyncio's

    def data_received(self, data: bytes) -> None:
        """Read what the server says."""
        done = self._now()
        if self._parcel is None:
            self._overhear(data)
            return
        try:
            if self._answers.feed(data):
                self._deliver(self._parcel, done)
        except LostAnswer as loss:
            self.give_up(loss.lost)

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is waited for: an answer may end with its connection."""
        self.open = False
        self.lost.set_result(None)
        if self._parcel is None:
            return
        if exc is not None:
            self.give_up(Lost.DISCONNECTED)
            return
        try:
            self._answers.end()
            self._deliver(self._parcel, self._now())
        except LostAnswer as loss:
            self.give_up(loss.lost)

    def _read_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _write(self, request: bytes) -> bool:
        """Write a request, and return whether a byte of it may be on its way."""
        try:
            written = self._socket.send(request)
        except BlockingIOError:
            written = 0
        except OSError:
            return False
        if written < len(request):
            self._transport.write(request[written:])
        return True

    def _deliver(self, parcel: Parcel, done: float) -> None:
        answer = self._answers.take(self.sent, done)
        self.fresh_until = done + _idle_limit(answer.headers.get("keep-alive"))
        # What is not yet written when the answer is there belongs to a request that the server did not want to read.
        if self._answers.stray or not self._answers.kept or self._transport.get_write_buffer_size():
            self.abort()
        else:
            self._parcel = None
            self._freed(self)
        parcel.land(answer)

    def _overhear(self, data: bytes) -> None:
        try:
            self._answers.feed(data)
        except LostAnswer:
            self._answers.stray = True
        if self._answers.stray and self.open:
            self.abort()
            if not data.startswith(_FAREWELL):
                self._overheard()


class TlsConnection(Connection):
    """A connection whose bytes the event loop encrypts, and so writes."""

    __slots__ = ()

    def _write(self, request: bytes) -> bool:
        self._transport.write(request)
        return True


@lru_cache(maxsize=256)
def _idle_limit(keep_alive: str | None) -> float:
    """Return for how many seconds a connection may be idle, with some room for the way to the server."""
    told = _TIMEOUT.search(keep_alive or "")
    return _IDLE_S if told is None else min(int(told[1]) * 0.8, _IDLE_S)
