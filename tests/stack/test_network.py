"""A stretch of the network between two real sockets, when it is slow and when it is cut."""

import asyncio
import gc
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest
import uvloop

from loadcheck.clock import SystemClock
from loadcheck.engine.randomness import source
from loadcheck.scenario.fault import Fault, Hop
from loadcheck.stack.network import Network
from loadcheck.stack.ports import LOOPBACK

HOP: Final[Hop] = "pooler-postgres"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class CountingClock(SystemClock):
    """Counts what was slept, in the place of sleeping."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept += max(0.0, seconds)
        await asyncio.sleep(0)


def fault(**given: object) -> Fault:
    return Fault.model_validate({"between": HOP, "for": "1s", **given})


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def through(network: Network) -> AsyncIterator[int]:
    """Yield the port by which the network leads to an echo."""
    server = await asyncio.start_server(echo, LOOPBACK, 0)
    port = await network.port(HOP, server.sockets[0].getsockname()[1])
    try:
        yield port
    finally:
        await network.close()
        server.close()


async def said(connection: Connection, text: bytes) -> bytes:
    reader, writer = connection
    writer.write(text)
    return await reader.readexactly(len(text))


async def test_it_carries_both_ways_to_the_last_byte() -> None:
    async with through(Network([fault(do="cut")], SystemClock())) as port:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        body = bytes(range(256)) * 4_000
        writer.write(body)
        writer.write_eof()
        assert await reader.read(-1) == body
        writer.close()


async def test_without_a_fault_there_is_no_proxy() -> None:
    assert await Network([], SystemClock()).port(HOP, 4321) == 4321


async def test_slow_is_late_and_narrow_while_it_lasts() -> None:
    clock = CountingClock()
    slow = fault(do="slow", latency="2s", bandwidth="1kB")
    network = Network([slow], clock)
    async with through(network) as port:
        connection = await asyncio.open_connection(LOOPBACK, port)
        await said(connection, b"x" * 1000)
        assert clock.slept == 0
        async with network.breaking(slow, source(1)):
            await said(connection, b"x" * 1000)
        assert clock.slept >= 2 * 2 + 1
        before = clock.slept
        await said(connection, b"x" * 1000)
        assert clock.slept - before <= 1, "at most what was still on its way"
        connection[1].close()


async def test_a_reset_is_told_to_both_ends_and_new_connections_are_reset_too() -> None:
    cut = fault(do="cut")
    network = Network([cut], SystemClock())
    async with through(network) as port:
        old = await asyncio.open_connection(LOOPBACK, port)
        await said(old, b"before")
        async with network.breaking(cut, source(1)):
            with pytest.raises(ConnectionError):
                await old[0].readexactly(1)
            new = await asyncio.open_connection(LOOPBACK, port)
            with pytest.raises(ConnectionError):
                await new[0].readexactly(1)
            new[1].close()
            old[1].close()
        connection = await asyncio.open_connection(LOOPBACK, port)
        assert await said(connection, b"after") == b"after"
        connection[1].close()


async def test_an_end_that_resets_its_connection_is_told_to_the_other_end() -> None:
    network = Network([fault(do="cut")], SystemClock())
    server = await asyncio.start_server(reset_when_asked, LOOPBACK, 0)
    reader, writer = await asyncio.open_connection(
        LOOPBACK, await network.port(HOP, server.sockets[0].getsockname()[1])
    )
    writer.write(b"?")
    async with asyncio.timeout(20):
        with suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
    await network.close()
    server.close()


async def reset_when_asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    reset = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    writer.transport.abort()


def test_connections_that_are_reset_as_they_come_are_no_error_of_the_proxy() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as in a run: it is stricter than asyncio's own
        assert runner.run(errors_of_a_proxy_that_resets()) == []


async def errors_of_a_proxy_that_resets() -> list[object]:
    broken: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(context.get("exception")))
    cut = fault(do="cut")
    network = Network([cut], SystemClock())
    async with through(network) as port, network.breaking(cut, source(1)):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        with suppress(ConnectionError):
            await reader.read()
        writer.transport.abort()
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 -- nothing tells when the proxy is done with it
            await asyncio.sleep(0)
    gc.collect()
    return [error for error in broken if not isinstance(error, OSError)]


async def test_half_open_tells_nobody_until_it_is_over() -> None:
    cut = fault(do="cut", how="half-open")
    network = Network([cut], SystemClock())
    async with through(network) as port:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        assert await said((reader, writer), b"before") == b"before"
        async with network.breaking(cut, source(1)):
            writer.write(b"lost")
            answer = asyncio.ensure_future(reader.readexactly(1))
            await asyncio.wait([answer], timeout=0.2)
            assert not answer.done()
        with pytest.raises(ConnectionError):
            await answer
        writer.close()


async def test_a_share_spares_the_others() -> None:
    cut = fault(do="cut", share=0.5)
    network = Network([cut], SystemClock())
    async with through(network) as port:
        connections = [await asyncio.open_connection(LOOPBACK, port) for _ in range(20)]
        for connection in connections:
            await said(connection, b"before")
        async with network.breaking(cut, source(1)):
            told = await asyncio.gather(*(said(one, b"during") for one in connections), return_exceptions=True)
        assert 0 < told.count(b"during") < 20
        for _, writer in connections:
            writer.close()
