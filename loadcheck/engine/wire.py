"""The transport of our own: HTTP/1.1 on sockets, with nothing between the engine and the wire."""

import asyncio
from dataclasses import dataclass
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.events import Answer, Lost
from loadcheck.engine.messages import Headers, Message
from loadcheck.engine.transport import LostAnswer
from loadcheck.engine.wire_connection import Connection
from loadcheck.engine.wire_deadlines import Deadlines
from loadcheck.engine.wire_origin import Origin, rest
from loadcheck.engine.wire_outbox import Outbox

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


class WireTransport:
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
        self._outbox = Outbox(self._deadlines)
        self._origins: dict[str, Origin] = {}
        self._opened: dict[int, _Opened] = {}

    async def send(self, message: Message) -> Answer:
        """Send a message once and return its whole answer.

        Raises:
            LostAnswer: no whole answer came.
        """
        opened = self._opened.get(id(message.shared))
        if opened is None or opened.url is not message.url or opened.method != message.method:
            opened = self._open(message)
        origin, request = opened.origin, opened.opening + rest(message)
        while (connection := origin.take()) is not None:
            answer = await self._answer(origin, connection, request, message)
            if answer is not None:
                return answer
        try:
            async with asyncio.timeout(self._timeout):
                return await self._on_new(origin, request, message)
        except TimeoutError:
            raise LostAnswer(Lost.TIMEOUT) from None

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
        origin = self._origins.get(place) or self._origins.setdefault(place, Origin(place, self._max_answer, self._now))
        if len(self._opened) >= _OPENED_KEPT:
            self._opened.clear()
        opened = _Opened(shared, url, method, origin, origin.opening(method, url[slash:], shared))
        self._opened[id(shared)] = opened
        return opened

    async def _on_new(self, origin: Origin, request: bytes, message: Message) -> Answer:
        answer = await self._answer(origin, await origin.connect(), request, message)
        if answer is None:
            raise LostAnswer(Lost.DISCONNECTED)
        return answer

    async def _answer(self, origin: Origin, connection: Connection, request: bytes, message: Message) -> Answer | None:
        """Return the answer that comes on a connection; None where not one byte of the request could be written."""
        try:
            answer = await self._outbox.add(connection, request, message.method, message.pause)
        except BaseException:
            connection.abort()
            raise
        finally:
            self._deadlines.end(connection)
        if answer is not None:
            origin.give(connection)
        return answer
