"""The transport of our own: HTTP/1.1 on sockets, with nothing between the engine and the wire."""

import asyncio
from dataclasses import dataclass
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.events import Lost
from loadcheck.engine.messages import Headers, Message
from loadcheck.engine.transport import Landed, LostAnswer, Transport
from loadcheck.engine.wire_deadlines import Deadlines
from loadcheck.engine.wire_origin import Origin, rest
from loadcheck.engine.wire_outbox import Outbox
from loadcheck.engine.wire_parcel import Parcel

_AFTER_SCHEME: Final = len("https://")
_OPENED_KEPT: Final = 4_000  # about two kilobytes each


@dataclass(slots=True)
class _Opened:
    """How messages begin that share their headers, and go to one URL.

    Attributes:
        shared: The headers; held here, so that no others can come to have their `id`.
        opening: The bytes.
    """

    shared: Headers
    url: str
    method: str
    origin: Origin
    opening: bytes


class WireTransport(Transport):
    """Sends through kept connections, as many as the engine has exchanges in flight. Follows and remembers nothing.

    Made inside a running event loop. Nothing is ever sent twice: a message goes to another connection only where
    not one byte of it was written to the first.

    Args:
        timeout: Seconds for a whole exchange, from connecting to the last byte.
        max_answer: Bytes of body, decompressed, beyond which an answer is cut off.
        clock: Times each exchange.
    """

    def __init__(self, timeout: float, max_answer: int, clock: Clock) -> None:
        self._timeout = timeout
        self._max_answer = max_answer
        self._now = clock.now
        self._deadlines = Deadlines(timeout, clock.now)
        self._outbox = Outbox(self._deadlines, self._unwritten)
        self._loop = asyncio.get_running_loop()
        self._origins: dict[str, Origin] = {}
        self._opened: dict[int, _Opened] = {}

    def begin(self, message: Message, landed: Landed) -> Parcel:
        """Send a message once; what comes of it is told later."""
        parcel = Parcel(landed, message.method, message.pause)
        opened = self._opened.get(id(message.shared))
        if opened is None or opened.url is not message.url or opened.method != message.method:
            try:
                opened = self._open(message)
            except LostAnswer as loss:
                self._loop.call_soon(parcel.land, loss)
                return parcel
        parcel.request = opened.opening + rest(message)
        parcel.origin = opened.origin
        self._assign(parcel)
        return parcel

    async def close(self) -> None:
        """Close every connection."""
        self._deadlines.close()
        for origin in self._origins.values():
            await origin.close()

    def _open(self, message: Message) -> _Opened:
        """Return how a message is opened, kept for the next one that shares its headers."""
        url, method, shared = message.url, message.method, message.shared
        slash = url.index("/", _AFTER_SCHEME)
        place = url[:slash]
        origin = self._origins.get(place) or self._origins.setdefault(
            place, Origin(place, self._max_answer, self._now, self._deadlines.end)
        )
        if len(self._opened) >= _OPENED_KEPT:
            self._opened.clear()
        opened = _Opened(shared, url, method, origin, origin.opening(method, url[slash:], shared))
        self._opened[id(shared)] = opened
        return opened

    def _assign(self, parcel: Parcel) -> None:
        """Have a parcel written to an idle connection, or to a new one."""
        try:
            parcel.connection = parcel.origin.take()
        except LostAnswer as loss:
            self._loop.call_soon(parcel.land, loss)
            return
        if parcel.connection is not None:
            self._outbox.add(parcel)
            return
        timer = self._loop.call_later(self._timeout, parcel.expire)
        parcel.helpers = self._loop.create_task(self._connect(parcel)), timer

    async def _connect(self, parcel: Parcel) -> None:
        try:
            parcel.connection = await parcel.origin.connect()
        except Exception as error:  # noqa: BLE001 -- whoever waits for the answer is told
            parcel.land(error)
        else:
            self._outbox.add(parcel)

    def _unwritten(self, parcel: Parcel) -> None:
        """Find another connection for a parcel, unless it had one of its own."""
        if parcel.helpers:
            parcel.land(LostAnswer(Lost.DISCONNECTED))
        else:
            self._assign(parcel)
