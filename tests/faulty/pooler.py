"""A transaction pooler: `pooler.py --port --upstream DSN [--size] [--p]`.

It speaks PostgreSQL's protocol 3.0 as far as transactions need: trust towards its clients, SCRAM towards PostgreSQL, no
TLS, no COPY from a client, no cancels. A client's messages are taken up to a Sync or a simple Query and sent on as one
batch; the backend's ReadyForQuery tells whether its transaction is still open.

With probability `--p` after each batch a backend is handed on although its transaction is open. With 0 never.
"""

import argparse
import asyncio
import random
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from tests.faulty.scram import Scram

_SSL_REQUEST: Final = 80877103
_GSS_REQUEST: Final = 80877104
_PROTOCOL: Final = 196608
_IDLE: Final = b"I"
_NO_ONE_TO_CANCEL: Final = struct.pack("!II", 0, 0)
_OK, _SASL, _SASL_GOES_ON, _SASL_ENDS = 0, 10, 11, 12
_DICE: Final = random.SystemRandom()
GONE: Final = (asyncio.IncompleteReadError, OSError)


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


async def read_message(reader: StreamReader) -> tuple[bytes, bytes]:
    """Return the kind of the next message and the whole of it."""
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)


@dataclass
class Backend:
    """One connection to PostgreSQL.

    Attributes:
        greeting: The ParameterStatus messages with which PostgreSQL greeted it.
        status: What its last ReadyForQuery said: I idle, T in a transaction, E in a failed one.
    """

    reader: StreamReader
    writer: StreamWriter
    greeting: bytes = b""
    status: bytes = _IDLE

    async def ask(self, batch: bytes) -> AsyncIterator[bytes]:
        """Send a batch and yield the answer's messages up to ReadyForQuery."""
        self.writer.write(batch)
        kind = b""
        while kind != b"Z":
            kind, answer = await read_message(self.reader)
            if kind == b"Z":
                self.status = answer[5:6]
            yield answer

    async def has_ended(self) -> bool:
        """Whether PostgreSQL has ended it; one that waits says nothing else."""
        try:
            async with asyncio.timeout(0):
                await self.reader.read(1)
        except TimeoutError:
            return False
        return True

    async def roll_back(self) -> None:
        """End what a client has left open."""
        if self.status != _IDLE:
            async for _ in self.ask(message(b"Q", b"ROLLBACK\0")):
                pass


async def log_in(dsn: str) -> Backend:
    """Connect to PostgreSQL.

    Raises:
        ConnectionError: it refuses.
    """
    there = urlsplit(dsn)
    user, password = unquote(there.username or ""), unquote(there.password or "")
    backend = Backend(*await asyncio.open_connection(there.hostname, there.port))
    wanted = f"user\0{user}\0database\0{there.path[1:]}\0\0".encode()
    backend.writer.write(struct.pack("!II", len(wanted) + 8, _PROTOCOL) + wanted)
    scram, kind = Scram(password), b""
    while kind != b"Z":
        kind, answer = await read_message(backend.reader)
        if kind == b"R":
            backend.writer.write(_authenticate(scram, answer))
        elif kind == b"S":
            backend.greeting += answer
        elif kind == b"E":
            raise ConnectionError(answer[5:].decode(errors="replace"))
    return backend


def _authenticate(scram: Scram, answer: bytes) -> bytes:
    (asked,), told = struct.unpack("!I", answer[5:9]), answer[9:]
    if asked == _SASL:
        first = scram.first()
        return message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
    if asked == _SASL_GOES_ON:
        return message(b"p", scram.final(told))
    if asked in {_OK, _SASL_ENDS}:
        return b""
    raise ConnectionError(f"authentication by method {asked} is not known here")


@dataclass
class Pooler:
    """Backends, made when they are needed; the one used last is taken first, as PgBouncer has it."""

    dsn: str
    size: int
    p: float
    idle: asyncio.LifoQueue[Backend] = field(default_factory=asyncio.LifoQueue)
    made: int = 0
    greeting: bytes = b""

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        client = _Client(self, reader, writer)
        try:
            await client.greet()
            await client.serve()
        except GONE:
            pass  # the client has left, or a backend's connection is lost: either way the client must come again
        finally:
            await client.let_go()
            writer.close()

    async def greet(self) -> bytes:
        """Return what PostgreSQL tells of itself when one logs in."""
        if not self.greeting:
            backend = await self.take()
            self.greeting = backend.greeting
            self.idle.put_nowait(backend)
        return self.greeting

    async def take(self) -> Backend:
        while not self.idle.empty() or self.made >= self.size:
            backend = await self.idle.get()
            if not await backend.has_ended():
                return backend
            self.made -= 1
        self.made += 1
        try:
            return await log_in(self.dsn)
        except BaseException:
            self.made -= 1
            raise


@dataclass
class _Client:
    pooler: Pooler
    reader: StreamReader
    writer: StreamWriter
    backend: Backend | None = None

    async def greet(self) -> None:
        while (code := await self._startup()) in {_SSL_REQUEST, _GSS_REQUEST}:
            self.writer.write(b"N")
        if code != _PROTOCOL:
            raise ConnectionError(f"protocol {code} is not known here")
        ready = message(b"K", _NO_ONE_TO_CANCEL) + message(b"Z", _IDLE)
        self.writer.write(message(b"R", struct.pack("!I", _OK)) + await self.pooler.greet() + ready)

    async def serve(self) -> None:
        while batch := await self._batch():
            backend = self.backend = self.backend or await self.pooler.take()
            async for answer in backend.ask(batch):
                self.writer.write(answer)
            await self.writer.drain()
            if backend.status == _IDLE or _DICE.random() < self.pooler.p:
                self._hand_on()

    async def let_go(self) -> None:
        """Return the backend, if there is one, with nothing left open on it."""
        if self.backend is None:
            return
        try:
            await self.backend.roll_back()
        except GONE:
            self.pooler.made -= 1
        else:
            self._hand_on()

    def _hand_on(self) -> None:
        if self.backend is not None:
            self.pooler.idle.put_nowait(self.backend)
            self.backend = None

    async def _startup(self) -> int:
        (length,) = struct.unpack("!I", await self.reader.readexactly(4))
        body = await self.reader.readexactly(length - 4)
        return int.from_bytes(body[:4])

    async def _batch(self) -> bytes:
        """Read up to a Sync or a simple Query; nothing when the client says good-bye."""
        batch, kind = b"", b""
        while kind not in {b"S", b"Q"}:
            kind, one = await read_message(self.reader)
            if kind == b"X":
                return b""
            batch += one
        return batch


async def main(port: int, upstream: str, size: int, p: float) -> None:
    server = await asyncio.start_server(Pooler(upstream, size, p).serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="PostgreSQL's DSN")
    parser.add_argument("--size", type=int, default=4, help="how many backends there are")
    parser.add_argument("--p", type=float, default=0.0, help="the probability to hand an open transaction on")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.port, arguments.upstream, arguments.size, arguments.p))
