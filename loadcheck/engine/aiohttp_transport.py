"""The transport on aiohttp."""

import asyncio
from typing import Final

from aiohttp import (
    ClientConnectionError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientOSError,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.connector import Connection
from aiohttp.http_exceptions import ContentLengthError, TransferEncodingError
from aiohttp.tracing import Trace
from yarl import URL

from loadcheck.clock import Clock
from loadcheck.engine.events import Answer, Lost
from loadcheck.engine.messages import Message
from loadcheck.engine.obstacles import NAME, obstacle
from loadcheck.engine.transport import AwaitedTransport, LostAnswer

# An answer's Content-Location repeats the query, which may be long.
_MAX_HEADER_BYTES: Final = 65_536
# Only what the scenario says is sent: aiohttp would ask for compression, and name a type for an empty body.
_NOT_ADDED: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
# The whole exchange has one limit, kept here; aiohttp's own would be rounded to whole seconds.
_NO_LIMIT: Final = ClientTimeout(total=None)


class AiohttpTransport(AwaitedTransport):
    """Sends through one keep-alive pool as wide as the engine's concurrency. Follows nothing, remembers nothing.

    Made inside a running event loop. It reads no proxy from the environment.

    Args:
        timeout: Seconds for a whole exchange, from connecting to the last byte.
        max_answer: Bytes of body, decompressed, beyond which an answer is cut off.
        clock: Times each exchange.
        proxy: The URL of an HTTP proxy to go through, or None.
    """

    def __init__(self, timeout: float, max_answer: int, clock: Clock, proxy: str | None = None) -> None:
        self._timeout = timeout
        self._now = clock.now
        self._sleep = clock.sleep
        self._max_answer = max_answer
        self._session = ClientSession(
            connector=_Connector(limit=0),
            cookie_jar=DummyCookieJar(),
            timeout=_NO_LIMIT,
            skip_auto_headers=_NOT_ADDED,
            middlewares=(_never_again,),
            max_field_size=_MAX_HEADER_BYTES,
            proxy=proxy,
        )

    async def send(self, message: Message) -> Answer:
        """Send a message once and return its whole answer.

        Raises:
            LostAnswer: no whole answer came.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(message)
        except TimeoutError:
            raise LostAnswer(Lost.TIMEOUT) from None
        except ClientError as error:
            raise _lost(error) from None

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def _exchange(self, message: Message) -> Answer:
        sent = self._now()
        async with self._session.request(
            message.method,
            URL(message.url, encoded=True),
            headers=message.headers,
            data=message.body,
            allow_redirects=False,
        ) as response:
            if message.pause:
                await self._sleep(message.pause)
            body = await self._body(response)
            return Answer(response.status, _headers(response), body, sent, self._now())

    async def _body(self, response: ClientResponse) -> bytes:
        """Read the body up to the limit; leaving before its end makes aiohttp close the connection."""
        parts: list[bytes] = []
        room = self._max_answer
        while part := await response.content.readany():
            room -= len(part)
            if room < 0:
                raise LostAnswer(Lost.TOO_LARGE)
            parts.append(part)
        return b"".join(parts)


class _Connector(TCPConnector):
    """Hands out no connection on which the server spoke unasked: those bytes would pass for the next answer.

    Nor one that was lost while it was made, which says nothing but that the server is gone.
    """

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,  # noqa: ASYNC109 -- aiohttp's own signature
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        if connection.protocol is not None and connection.protocol.should_close:
            lost = Lost.PROTOCOL if connection.protocol.is_connected() else Lost.DISCONNECTED
            connection.close()
            raise LostAnswer(lost)
        return connection


async def _never_again(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from sending a request again: it does when it sees one of these two, and only then."""
    try:
        return await send(request)
    except (ClientOSError, ServerDisconnectedError) as error:
        raise _lost(error) from None


def _headers(response: ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for key, value in response.headers.items():
        name = key.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _lost(error: ClientError) -> LostAnswer:
    if isinstance(error, ClientConnectorDNSError):
        return LostAnswer(Lost.CONNECT, NAME)
    if isinstance(error, ClientConnectorError | InvalidURL):
        return LostAnswer(Lost.CONNECT, obstacle(error.__cause__ or error))
    return LostAnswer(_of_made(error))


def _of_made(error: ClientError) -> Lost:
    """Return what became of an exchange for which there was a connection."""
    if isinstance(error, ClientConnectionError):
        return Lost.DISCONNECTED
    cut_off = isinstance(error.__cause__, ContentLengthError | TransferEncodingError)
    return Lost.DISCONNECTED if isinstance(error, ClientPayloadError) and cut_off else Lost.PROTOCOL
