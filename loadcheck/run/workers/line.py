"""The line between a run and a worker: whatever carries bytes both ways in order will do."""

import asyncio
import pickle
import struct
import sys
from asyncio import StreamReader, StreamWriter
from typing import Any, Final

_LENGTH: Final = struct.Struct("<Q")


class Line:
    """Carries messages both ways, whole and in order.

    Args:
        reader: What comes in.
        writer: What goes out.
    """

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, message: object) -> None:
        """Send a message; one that nobody takes any more is lost."""
        if self._writer.is_closing():
            return
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._writer.write(_LENGTH.pack(len(data)) + data)

    def close(self) -> None:
        """Send nothing more."""
        self._writer.close()

    async def drained(self) -> None:
        """Wait until the other side has taken nearly all.

        Raises:
            OSError: it is gone.
        """
        await self._writer.drain()

    async def receive(self) -> Any:
        """Wait for the next message.

        Raises:
            asyncio.IncompleteReadError: nothing more will come.
            OSError: the same.
        """
        (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
        return pickle.loads(await self._reader.readexactly(length))  # noqa: S301 -- from our own process


async def standard_line() -> Line:
    """Return the line over this process's standard input and output."""
    loop, reader = asyncio.get_running_loop(), StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    return Line(reader, StreamWriter(transport, protocol, None, loop))
