"""A stretch of the stack's network that can be made slow or be cut: a small TCP proxy of loadcheck's own."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

from loadcheck.clock import Clock
from loadcheck.scenario.fault import Fault, FaultKind, Hop
from loadcheck.stack.ports import LOOPBACK, free_ports

_PIECE: Final = 65_536
_RESET: Final = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST
_PIECES: Final = 64  # on their way; beyond, the sender waits

_End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Weather:
    """What a connection suffers.

    Attributes:
        latency: Seconds by which everything arrives later.
        bandwidth: Bytes a second; None: as many as come.
        dead: Whether nothing arrives any more.
    """

    latency: float = 0.0
    bandwidth: int | None = None
    dead: bool = False


FAIR: Final = Weather()


class Stretch:
    """A proxy in front of one port, and what its connections suffer.

    Args:
        clock: What latency and bandwidth are timed by.

    Attributes:
        port: Where it listens, once it is open.
    """

    port: int

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._upstream = 0
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._turn = asyncio.Lock()
        self._fault: tuple[Fault, Random] | None = None

    async def open(self, upstream: int, port: int) -> None:
        """Listen at a port, and pass on to another."""
        self._upstream = upstream
        self._server = await asyncio.start_server(self._serve, LOOPBACK, port)
        self.port = port

    async def close(self) -> None:
        """Stop listening, and close every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.reset()

    @asynccontextmanager
    async def breaking(self, fault: Fault, chance: Random) -> AsyncIterator[None]:
        """Make a share of the connections slow or dead, those to come included, for as long as the context lasts."""
        async with self._turn:
            self._fault = (fault, chance)
            for connection in list(self._connections):
                self._strike(connection)
            try:
                yield
            finally:
                self._fault = None
                for connection in list(self._connections):
                    connection.mend()

    def _strike(self, connection: "_Connection") -> None:
        if self._fault is None:
            return
        fault, chance = self._fault
        if chance.random() < (fault.share or 1.0):
            connection.suffer(fault)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            theirs = await asyncio.open_connection(LOOPBACK, self._upstream)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection((reader, writer), theirs, self._clock)
        self._connections.add(connection)
        self._strike(connection)
        try:
            await connection.carry()
        finally:
            self._connections.discard(connection)


class Network:
    """The stretches of a stack's network: only those that a fault of the scenario needs are proxies.

    Args:
        faults: The scenario's.
        clock: What latency and bandwidth are timed by.
    """

    def __init__(self, faults: Sequence[Fault], clock: Clock) -> None:
        self._stretches = {fault.between: Stretch(clock) for fault in faults if fault.between is not None}

    async def port(self, hop: Hop, upstream: int) -> int:
        """Return the port by which a hop leads to the one given: a proxy's, or that one itself."""
        stretch = self._stretches.get(hop)
        if stretch is None:
            return upstream
        await stretch.open(upstream, *free_ports(1))
        return stretch.port

    def breaking(self, fault: Fault, chance: Random) -> AbstractAsyncContextManager[None]:
        """Make a stretch slow, or cut it, for as long as the context lasts."""
        if fault.between is None:
            raise ValueError("a fault of the network is between two programs")
        return self._stretches[fault.between].breaking(fault, chance)

    async def close(self) -> None:
        """Close every proxy."""
        for stretch in self._stretches.values():
            await stretch.close()


class _Connection:
    """One connection through the proxy: two streams, one in each direction."""

    def __init__(self, ours: _End, theirs: _End, clock: Clock) -> None:
        self._ours = ours
        self._theirs = theirs
        self._clock = clock
        self._weather = FAIR
        self._carrying: asyncio.Task[None] | None = None

    def suffer(self, fault: Fault) -> None:
        """Begin to be slow or dead, or be reset at once."""
        if fault.do is FaultKind.SLOW:
            self._weather = Weather(fault.latency or 0.0, fault.bandwidth)
        elif fault.how == "half-open":
            self._weather = Weather(dead=True)
        else:
            self.reset()

    def mend(self) -> None:
        """Carry as before; a connection that was dead has lost bytes, and is reset."""
        dead, self._weather = self._weather.dead, FAIR
        if dead:
            self.reset()

    def reset(self) -> None:
        """Break it off, so that both ends are told."""
        for _, writer in (self._ours, self._theirs):
            if not writer.transport.is_closing():
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()
        if self._carrying is not None:
            self._carrying.cancel()

    async def carry(self) -> None:
        """Carry both streams until they have ended, or the connection is reset."""
        self._carrying = asyncio.ensure_future(self._streams())
        await asyncio.wait([self._carrying])
        for _, writer in (self._ours, self._theirs):
            writer.transport.abort()

    async def _streams(self) -> None:
        """Carry both streams to their ends, or until either end of the connection breaks: then the other is told."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for (reader, _), (_, writer) in ((self._ours, self._theirs), (self._theirs, self._ours)):
                    due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=_PIECES)
                    tasks.create_task(self._take(reader, due))
                    tasks.create_task(self._give(due, writer))
        except* OSError:
            pass

    async def _take(self, reader: asyncio.StreamReader, due: asyncio.Queue[tuple[float, bytes]]) -> None:
        """Take what comes, with the time at which it is to arrive; an empty piece is the end."""
        piece = b"-"
        while piece:
            piece = await reader.read(_PIECE)
            if not self._weather.dead:
                await due.put((self._clock.now() + self._weather.latency, piece))

    async def _give(self, due: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while piece := await self._next(due):
            _alive(writer).write(piece)
            await writer.drain()
            if self._weather.bandwidth is not None:
                await self._clock.sleep(len(piece) / self._weather.bandwidth)
        _alive(writer).write_eof()

    async def _next(self, due: asyncio.Queue[tuple[float, bytes]]) -> bytes:
        """Wait for the next piece that arrives."""
        while True:
            at, piece = await due.get()
            await self._clock.sleep(at - self._clock.now())
            if not self._weather.dead:
                return piece


def _alive(writer: asyncio.StreamWriter) -> asyncio.StreamWriter:
    """Return a writer that can still be written to.

    Raises:
        ConnectionResetError: its connection is gone. Its reader, at its end by now, tells nobody, and uvloop would
            answer with a RuntimeError.
    """
    if writer.transport.is_closing():
        raise ConnectionResetError
    return writer
