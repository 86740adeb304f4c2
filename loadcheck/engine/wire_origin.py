"""One server: how to reach it, and the connections to it that are idle."""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final
from urllib.parse import urlsplit

from loadcheck.engine.events import Lost
from loadcheck.engine.messages import Headers, Message, header_lines
from loadcheck.engine.obstacles import obstacle
from loadcheck.engine.transport import LostAnswer
from loadcheck.engine.wire_answers import Answers
from loadcheck.engine.wire_connection import Connection, TlsConnection
from loadcheck.engine.wire_heads import Heads

_PORTS: Final = {"http": 80, "https": 443}
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})


class Origin:
    """Scheme, host and port, with its idle connections. What was used last is used next, as most clients do.

    Args:
        url: Scheme, host and port.
        max_answer: Bytes of body, decompressed, beyond which an answer is cut off.
        now: The run's clock.
        freed: Called with each connection on which an exchange has ended.

    Raises:
        LostAnswer: there can be no such server.
    """

    def __init__(
        self, url: str, max_answer: int, now: Callable[[], float], freed: Callable[[Connection], None]
    ) -> None:
        try:
            parts = urlsplit(url)
            self._host = parts.hostname or ""
            self._port = parts.port or _PORTS[parts.scheme]
        except (KeyError, ValueError) as error:
            raise LostAnswer(Lost.CONNECT, obstacle(error)) from None
        self._tls = parts.scheme == "https"
        named = parts.netloc.removesuffix(f":{_PORTS[parts.scheme]}")
        self._host_line = f"Host: {named}\r\n"
        self._max_answer = max_answer
        self._heads = Heads()
        self._now = now
        self._freed = freed
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._overheard = 0

    def opening(self, method: str, target: str, shared: Headers) -> bytes:
        """Return what a request begins with: all but the headers that are its alone, and its body.

        Args:
            method: Its method.
            target: Path and query of its URL.
            shared: The headers that it has in common with others.
        """
        host = "" if shared.names_host else self._host_line
        return f"{method} {target} HTTP/1.1\r\n{host}{shared.text}".encode()

    def take(self) -> Connection | None:
        """Return an idle connection; None when a new one is needed.

        Raises:
            LostAnswer: the server spoke unasked on one of them. It is told once, to whoever comes next.
        """
        if self._overheard:
            self._overheard -= 1
            raise LostAnswer(Lost.PROTOCOL)
        now = self._now()
        while self._idle and self._idle[0].fresh_until < now:
            self._idle.popleft().abort()
        while self._idle:
            connection = self._idle.pop()
            if connection.open and connection.fresh_until >= now:
                return connection
            connection.abort()
        return None

    async def connect(self) -> Connection:
        """Return a new connection.

        Raises:
            LostAnswer: there is none to be had.
        """
        try:
            sock = await self._dial()
            kind = TlsConnection if self._tls else Connection
            make = partial(kind, sock, Answers(self._max_answer, self._heads), self._now, self._overhear, self._free)
            tls, name = (_trust(), self._host) if self._tls else (None, None)
            loop = asyncio.get_running_loop()
            try:
                _, connection = await loop.create_connection(make, sock=sock, ssl=tls, server_hostname=name)
            except BaseException:
                sock.close()
                raise
        except (OSError, UnicodeError) as error:
            raise LostAnswer(Lost.CONNECT, obstacle(error)) from None
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        return connection

    async def close(self) -> None:
        """Close every connection."""
        connections = list(self._open)
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.lost for connection in connections))

    def _free(self, connection: Connection) -> None:
        """Take a connection back, if its exchange has ended well."""
        self._freed(connection)
        if connection.open:
            self._idle.append(connection)

    def _overhear(self) -> None:
        self._overheard += 1

    async def _dial(self) -> socket.socket:
        """Connect to the first of the host's addresses that answers."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        problem = OSError("no address")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setblocking(False)  # noqa: FBT003 -- the name of the method says it
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await loop.sock_connect(sock, address)
            except OSError as error:
                sock.close()
                problem = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise problem


def rest(message: Message) -> bytes:
    """Return what comes after a request's opening."""
    own, body = header_lines(message.own), message.body
    if body is None and message.method in _WITHOUT_BODY:
        return f"{own}\r\n".encode()
    body = body or b""
    return f"{own}Content-Length: {len(body)}\r\n\r\n".encode() + body


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
