"""The transport of our own: HTTP/1.1 on sockets, with nothing between the engine and the wire."""

import asyncio
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.events import Answer, Lost
from loadcheck.engine.messages import Message
from loadcheck.engine.transport import LostAnswer
from loadcheck.engine.wire_connection import Connection
from loadcheck.engine.wire_deadlines import Deadlines
from loadcheck.engine.wire_origin import Origin

_AFTER_SCHEME: Final = len("https://")


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
        self._origins: dict[str, Origin] = {}

    async def send(self, message: Message) -> Answer:
        """Send a message once and return its whole answer.

        Raises:
            LostAnswer: no whole answer came.
        """
        url = message.url
        slash = url.index("/", _AFTER_SCHEME)
        origin = self._origins.get(url[:slash]) or self._origin(url[:slash])
        request = origin.request(message, url[slash:])
        while (connection := origin.take()) is not None:
            answered = connection.begin(request, message.method)
            if answered is not None:
                return await self._answer(origin, connection, answered)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._on_new(origin, request, message.method)
        except TimeoutError:
            raise LostAnswer(Lost.TIMEOUT) from None

    async def close(self) -> None:
        """Close every connection."""
        self._deadlines.close()
        for origin in self._origins.values():
            await origin.close()

    def _origin(self, url: str) -> Origin:
        return self._origins.setdefault(url, Origin(url, self._max_answer, self._now))

    async def _on_new(self, origin: Origin, request: bytes, method: str) -> Answer:
        connection = await origin.connect()
        answered = connection.begin(request, method)
        if answered is None:
            raise LostAnswer(Lost.DISCONNECTED)
        return await self._answer(origin, connection, answered)

    async def _answer(self, origin: Origin, connection: Connection, answered: asyncio.Future[Answer]) -> Answer:
        self._deadlines.start(connection)
        try:
            answer = await answered
        except BaseException:
            connection.abort()
            raise
        finally:
            self._deadlines.end(connection)
        origin.give(connection)
        return answer
