"""Servers that speak HTTP as badly as a test asks for, on real sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Handler = Callable[["Visit"], Awaitable[None]]


@dataclass
class Visit:
    """One request as it arrived: the `connection`-th connection, the `arrival`-th request of all, both from 0."""

    head: bytes
    connection: int
    arrival: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode()

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            if self.writer.transport.is_closing():  # uvloop would not say it with a ConnectionError
                raise ConnectionResetError
            self.writer.write(piece)
            await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the client has closed the connection."""
        while await self.reader.read(65_536):
            pass


@dataclass
class Hostile:
    """A running server, and what it saw."""

    port: int = 0
    visits: list[Visit] = field(default_factory=list)
    connections: int = 0
    closed: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def all_closed(self) -> None:
        """Wait until no connection is left open."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.closed == self.connections)


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def hostile(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Hostile]:
    """Serve on a free port: `handler` answers each request, or leaves the connection as it wishes."""
    seen = Hostile()
    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = seen.connections
        seen.connections += 1
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                visit = Visit(head, number, len(seen.visits), reader, writer)
                seen.visits.append(visit)
                await handler(visit)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            async with seen.changed:
                seen.closed += 1
                seen.changed.notify_all()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        serving[task] = writer
        task.add_done_callback(serving.pop)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        for task, writer in serving.items():
            task.cancel()
            writer.transport.abort()  # a task that has not begun yet would never close it
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()
