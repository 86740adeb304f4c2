"""What the wire transport alone promises, beyond what every transport does."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from loadcheck.clock import SystemClock
from loadcheck.engine import wire_origin
from loadcheck.engine.events import Answer, Lost
from loadcheck.engine.messages import Headers, Message
from loadcheck.engine.wire import WireTransport
from loadcheck.engine.wire_connection import Connection
from tests.engine.transports.hostile import Handler, Hostile, Visit, answer, hostile
from tests.engine.transports.test_transports import LONG_S, echo, loss, self_signed, to

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOCK = SystemClock()


@asynccontextmanager
async def between(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Hostile, WireTransport]]:
    async with hostile(handler, tls) as server:
        transport = WireTransport(LONG_S, 1_000_000, CLOCK)
        try:
            yield server, transport
        finally:
            await transport.close()


def connections(transport: WireTransport) -> set[Connection]:
    [origin] = transport._origins.values()
    return origin._open


async def test_a_connection_that_the_server_closed_while_idle_costs_nothing() -> None:
    async def close_after(visit: Visit) -> None:
        await visit.say(answer(b"x"))
        visit.writer.close()

    async with between(close_after) as (server, transport):
        for number in range(5):
            assert (await transport.send(to(server, f"/{number}"))).body == b"x"
            await asyncio.gather(*(connection.lost for connection in connections(transport)))
        assert len(server.visits) == server.connections == 5


async def test_where_not_a_byte_can_be_written_another_connection_takes_over() -> None:
    async with between(echo) as (server, transport):
        await transport.send(to(server, "/first"))
        [kept] = connections(transport)
        kept._socket.shutdown(socket.SHUT_WR)
        assert (await transport.send(to(server, "/second", method="POST", body=b"x"))).status == 200
        assert [visit.line for visit in server.visits] == ["GET /first HTTP/1.1", "POST /second HTTP/1.1"]
        assert server.connections == 2


async def test_a_connection_that_breaks_before_a_byte_is_written_costs_nothing() -> None:
    async with between(echo) as (server, transport):
        await transport.send(to(server, "/first"))
        [kept] = connections(transport)
        sending = asyncio.create_task(transport.send(to(server, "/second", method="POST")))
        await asyncio.sleep(0)
        kept.abort()
        assert (await sending).status == 200
        assert [visit.line for visit in server.visits] == ["GET /first HTTP/1.1", "POST /second HTTP/1.1"]


async def test_what_is_given_up_before_a_byte_is_written_is_not_sent() -> None:
    came: list[Answer | Exception] = []
    async with between(echo) as (server, transport):
        await transport.send(to(server, "/first"))
        transport.begin(to(server, "/second"), came.append).abort()
        assert not came
        assert (await transport.send(to(server, "/third"))).body == b"GET /third HTTP/1.1"
        assert [visit.line for visit in server.visits] == ["GET /first HTTP/1.1", "GET /third HTTP/1.1"]


async def test_to_give_up_what_has_its_answer_leaves_the_connection_to_the_next() -> None:
    async with between(echo) as (server, transport):
        answered: asyncio.Future[Answer | Exception] = asyncio.get_running_loop().create_future()
        sending = transport.begin(to(server, "/first"), answered.set_result)
        await answered
        second = asyncio.create_task(transport.send(to(server, "/second")))
        await asyncio.sleep(0)
        sending.abort()
        assert (await second).status == 200
        assert server.connections == 1


async def test_a_connection_is_not_used_beyond_what_the_server_says_of_idle_ones() -> None:
    async def at_once(visit: Visit) -> None:
        await visit.say(answer(b"x", "Keep-Alive: timeout=0, max=100"))

    async with between(at_once) as (server, transport):
        for _ in range(3):
            await transport.send(to(server))
        assert server.connections == 3
        await transport.send(to(server))
        assert len(connections(transport)) <= 2


async def test_an_unasked_408_is_a_farewell_and_blames_nobody() -> None:
    async def farewell(visit: Visit) -> None:
        await echo(visit)
        if visit.arrival == 0:
            await visit.say(answer(b"", "Connection: close", status="408 Request Timeout"))
            visit.writer.close()

    async with between(farewell) as (server, transport):
        await transport.send(to(server, "/first"))
        await asyncio.gather(*(connection.lost for connection in connections(transport)))
        assert (await transport.send(to(server, "/second"))).body == b"GET /second HTTP/1.1"


async def test_an_answer_before_the_request_was_read_ends_the_connection() -> None:
    async def refuse(visit: Visit) -> None:
        await visit.say(answer(b"too long", status="413 Content Too Large"))
        if visit.arrival == 0:
            await visit.gone()

    async with between(refuse) as (server, transport):
        got = await transport.send(to(server, method="POST", body=bytes(20_000_000)))
        assert got.status == 413
        await server.all_closed()
        assert (await transport.send(to(server))).status == 413
        assert server.connections == 2


async def test_a_long_body_arrives_whole() -> None:
    body = bytes(range(256)) * 20_000

    async def measure(visit: Visit) -> None:
        received = await visit.reader.readexactly(len(body))
        await visit.say(answer(b"same" if received == body else b"other"))

    async with between(measure) as (server, transport):
        for _ in range(2):
            assert (await transport.send(to(server, method="PUT", body=body))).body == b"same"
        assert server.connections == 1


@pytest.mark.parametrize(("method", "said"), [("GET", 0), ("HEAD", 0), ("POST", 1), ("DELETE", 1)])
async def test_a_request_that_could_have_a_body_says_when_it_has_none(method: str, said: int) -> None:
    async def seen(visit: Visit) -> None:
        await visit.say(answer(b"" if method == "HEAD" else b"x"))

    async with between(seen) as (server, transport):
        await transport.send(to(server, method=method))
        assert server.visits[0].head.count(b"\r\nContent-Length: 0\r\n") == said


async def test_a_host_header_of_ones_own_takes_the_place_of_the_other() -> None:
    async with between(echo) as (server, transport):
        await transport.send(to(server, HOST="elsewhere"))
        assert server.visits[0].head.lower().count(b"host:") == 1
        assert b"HOST: elsewhere\r\n" in server.visits[0].head


async def test_messages_that_share_their_headers_each_go_where_they_should() -> None:
    shared = Headers({"X": "y"})
    async with between(echo) as (server, transport), between(echo) as (other, _):
        for number in range(3):
            for method, url in (("GET", f"{server.url}/a"), ("DELETE", f"{server.url}/b"), ("GET", f"{other.url}/c")):
                got = await transport.send(Message(method, url, shared, own=(("Number", str(number)),)))
                assert got.body == f"{method} {url[-2:]} HTTP/1.1".encode()
        assert [len(one.visits) for one in (server, other)] == [6, 3]
        assert all(visit.head.count(b"Number: ") == 1 for visit in server.visits)


async def test_https_with_a_certificate_that_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = self_signed(tmp_path)
    monkeypatch.setattr(wire_origin, "_trust", lambda: ssl.create_default_context(cafile=str(tmp_path / "server.pem")))
    async with between(echo, tls) as (server, transport):
        for number in range(3):
            message = Message("GET", f"https://127.0.0.1:{server.port}/{number}", Headers({}))
            assert (await transport.send(message)).body == f"GET /{number} HTTP/1.1".encode()
        assert server.connections == 1


async def test_an_exchange_is_timed_from_its_first_byte_to_its_last() -> None:
    arrived, said = 0.0, 0.0

    async def timed(visit: Visit) -> None:
        nonlocal arrived, said
        arrived = CLOCK.now()
        await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[")
        said = CLOCK.now()
        await visit.say(b"]")

    async with between(timed) as (server, transport):
        for _ in range(2):
            before = CLOCK.now()
            got = await transport.send(to(server))
            assert before < got.sent < arrived < said < got.done < CLOCK.now()


async def test_a_send_that_is_cancelled_while_it_connects_leaves_nothing_behind() -> None:
    async with between(echo) as (server, transport):
        sending = asyncio.create_task(transport.send(to(server)))
        await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert (await transport.send(to(server, "/next"))).body == b"GET /next HTTP/1.1"
        assert [visit.line for visit in server.visits] == ["GET /next HTTP/1.1"]


async def test_the_limit_holds_for_each_of_many_exchanges_that_began_one_after_another() -> None:
    async def hang_the_odd_ones(visit: Visit) -> None:
        if visit.line.split()[1] == "/odd":
            await visit.gone()
        else:
            await echo(visit)

    async with hostile(hang_the_odd_ones) as server:
        transport = WireTransport(1.0, 1_000_000, CLOCK)

        async def took(path: str) -> float:
            began = CLOCK.now()
            if path == "/odd":
                assert await loss(transport, to(server, path)) is Lost.TIMEOUT
            else:
                await transport.send(to(server, path))
            return CLOCK.now() - began

        await asyncio.gather(*(took("/even") for _ in range(8)))
        odd = asyncio.gather(*(took("/odd") for _ in range(4)))
        await took("/even")
        assert all(seconds >= 0.999 for seconds in await odd)
        await transport.close()
