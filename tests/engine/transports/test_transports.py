import asyncio
import errno
import gzip
import os
import socket
import ssl
import struct
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from itertools import chain
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from loadcheck.clock import SystemClock
from loadcheck.engine.aiohttp_transport import AiohttpTransport
from loadcheck.engine.events import Answer, Lost
from loadcheck.engine.messages import Headers, Message
from loadcheck.engine.transport import LostAnswer, Transport
from loadcheck.engine.wire import WireTransport
from tests.engine.transports.hostile import Handler, Hostile, Visit, answer, hostile

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_ANSWER = 1_000_000
LONG_S = 300.0  # where no time-out is meant, however busy the machine is


Kind = Callable[[float, int, SystemClock], Transport]
Between = Callable[..., AbstractAsyncContextManager[tuple[Hostile, Transport]]]

KINDS: list[Kind] = [AiohttpTransport, WireTransport]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    made: Kind = request.param
    return made


@pytest.fixture
def between(kind: Kind) -> Between:
    """A transport and the server that it talks to."""
    return partial(_between, kind)


@asynccontextmanager
async def _between(kind: Kind, handler: Handler, within: float = LONG_S) -> AsyncIterator[tuple[Hostile, Transport]]:
    async with hostile(handler) as server, running(kind(within, MAX_ANSWER, SystemClock())) as transport:
        yield server, transport


@asynccontextmanager
async def running(transport: Transport) -> AsyncIterator[Transport]:
    try:
        yield transport
    finally:
        await transport.close()


def to(server: Hostile, path: str = "/", method: str = "GET", body: bytes | None = None, **headers: str) -> Message:
    return Message(method, server.url + path, Headers(headers), body=body)


async def loss(transport: Transport, message: Message) -> Lost:
    with pytest.raises(LostAnswer) as caught:
        await transport.send(message)
    return caught.value.lost


async def obstacle(transport: Transport, message: Message) -> str:
    with pytest.raises(LostAnswer) as caught:
        await transport.send(message)
    assert caught.value.lost is Lost.CONNECT
    assert caught.value.obstacle is not None
    assert caught.value.obstacle.advice
    return caught.value.obstacle.what


async def echo(visit: Visit) -> None:
    await visit.say(answer(visit.line.encode()))


async def test_an_answer_comes_whole_and_the_connection_is_kept(between: Between) -> None:
    async with between(echo) as (server, transport):
        for number in range(20):
            got = await transport.send(to(server, f"/{number}"))
            assert got == Answer(200, {"content-length": str(len(got.body))}, f"GET /{number} HTTP/1.1".encode())
        assert server.connections == 1


async def test_path_and_query_go_on_the_wire_as_they_stand(between: Between) -> None:
    path = "/a%2Fb/../c?x=in.(1,2)&y=%C3%A9&z=%7B+%7D&w=a:b@c'*"
    async with between(echo) as (server, transport):
        assert (await transport.send(to(server, path))).body == f"GET {path} HTTP/1.1".encode()


async def test_only_the_messages_headers_are_sent_and_what_frames_it(between: Between) -> None:
    async with between(echo) as (server, transport):
        await transport.send(to(server, Apikey="k", Accept="application/json"))
        names = [line.split(b":")[0] for line in server.visits[0].head.split(b"\r\n")[1:-2]]
        assert sorted(names) == [b"Accept", b"Apikey", b"Host"]


async def test_a_body_is_framed_by_its_length(between: Between) -> None:
    async def body_back(visit: Visit) -> None:
        assert b"Content-Length: 8\r\n" in visit.head
        await visit.say(answer(await visit.reader.readexactly(8), status="201 Created"))

    async with between(body_back) as (server, transport):
        message = to(server, method="POST", body=b'{"a": 1}', **{"Content-Type": "application/json"})
        assert await transport.send(message) == Answer(201, {"content-length": "8"}, b'{"a": 1}')


async def test_header_names_are_lower_case_and_repeated_ones_joined(between: Between) -> None:
    async def repeated(visit: Visit) -> None:
        await visit.say(answer(b"", "Content-Range: 0-1/*", "Via: a", "VIA: b"))

    async with between(repeated) as (server, transport):
        got = await transport.send(to(server))
        assert got.headers == {"content-length": "0", "content-range": "0-1/*", "via": "a, b"}


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_answers_without_a_body(status: str, between: Between) -> None:
    async def bare(visit: Visit) -> None:
        await visit.say(f"HTTP/1.1 {status}\r\n\r\n".encode())

    async with between(bare) as (server, transport):
        for _ in range(3):
            assert await transport.send(to(server)) == Answer(int(status[:3]), {}, b"")
        assert server.connections == 1


async def test_head_has_the_length_of_a_body_and_none(between: Between) -> None:
    async def huge(visit: Visit) -> None:
        await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n")

    async with between(huge) as (server, transport):
        for _ in range(3):
            got = await transport.send(to(server, method="HEAD"))
            assert got == Answer(200, {"content-length": "5000000000"}, b"")
        assert server.connections == 1


async def test_chunked_trickled_and_after_a_100(between: Between) -> None:
    async def in_pieces(visit: Visit) -> None:
        stream = (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        )
        await visit.say(*(bytes([byte]) for byte in stream))

    async with between(in_pieces) as (server, transport):
        for _ in range(3):
            assert (await transport.send(to(server))).body == b"hello"


async def test_an_answer_that_ends_with_the_connection(between: Between) -> None:
    async def until_close(visit: Visit) -> None:
        await visit.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
        visit.writer.close()

    async with between(until_close) as (server, transport):
        for _ in range(2):
            assert (await transport.send(to(server))).body == b"all of it"


async def test_gzip_is_undone(between: Between) -> None:
    async def zipped(visit: Visit) -> None:
        await visit.say(answer(gzip.compress(b"[]"), "Content-Encoding: gzip"))

    async with between(zipped) as (server, transport):
        assert (await transport.send(to(server))).body == b"[]"


async def test_an_answer_that_is_left_unread_keeps_only_its_own_caller_waiting(between: Between) -> None:
    said = asyncio.Event()

    async def say(visit: Visit) -> None:
        await visit.say(answer(b"[]"))
        said.set()

    async with between(say) as (server, transport):
        slow = asyncio.create_task(transport.send(replace(to(server, "/slow"), pause=3600)))
        await said.wait()
        assert (await transport.send(to(server, "/quick"))).body == b"[]"
        assert not slow.done()
        slow.cancel()
        assert (await transport.send(replace(to(server), pause=0.01))).body == b"[]"
        assert (await transport.send(to(server))).body == b"[]"
        assert server.connections == 2


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "POST", "PATCH"])
async def test_one_send_is_one_send_when_a_kept_connection_drops(method: str, between: Between) -> None:
    async def drop_the_second(visit: Visit) -> None:
        if visit.arrival == 1:
            visit.writer.close()
        else:
            await visit.say(answer(b"" if method == "HEAD" else b"x"))

    async with between(drop_the_second) as (server, transport):
        await transport.send(to(server, "/first", method))
        assert await loss(transport, to(server, "/second", method)) is Lost.DISCONNECTED
        assert [visit.line.split()[1] for visit in server.visits] == ["/first", "/second"]
        await transport.send(to(server, "/third", method))
        assert len(server.visits) == 3
        assert server.connections == 2


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_one_send_is_one_send_when_a_kept_connection_is_reset(method: str, between: Between) -> None:
    async def reset_the_second(visit: Visit) -> None:
        if visit.arrival == 1:
            visit.writer.transport.abort()
        else:
            await visit.say(answer(b"x"))

    async with between(reset_the_second) as (server, transport):
        await transport.send(to(server, method=method, body=None))
        assert await loss(transport, to(server, method=method)) is Lost.DISCONNECTED
        assert len(server.visits) == 2


async def test_redirects_are_answers(between: Between) -> None:
    async def elsewhere(visit: Visit) -> None:
        await visit.say(answer(b"", "Location: /elsewhere", status="302 Found"))

    async with between(elsewhere) as (server, transport):
        assert (await transport.send(to(server))).status == 302
        assert len(server.visits) == 1


async def test_cookies_are_not_kept_between_identities(between: Between) -> None:
    async def session(visit: Visit) -> None:
        await visit.say(answer(b"", "Set-Cookie: session=someone"))

    async with between(session) as (server, transport):
        for _ in range(2):
            await transport.send(to(server))
        assert b"ookie" not in server.visits[1].head


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch, between: Between) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with between(echo) as (server, transport):
        assert (await transport.send(to(server))).status == 200


async def test_a_proxy_that_is_named_is_used() -> None:
    async with (
        hostile(echo) as proxy,
        running(AiohttpTransport(LONG_S, MAX_ANSWER, SystemClock(), proxy.url)) as transport,
    ):
        got = await transport.send(Message("GET", "http://nowhere.invalid/x", Headers({})))
        assert got.body == b"GET http://nowhere.invalid/x HTTP/1.1"


async def test_nobody_listens(kind: Kind) -> None:
    async with hostile(echo) as server:
        pass
    async with running(kind(LONG_S, MAX_ANSWER, SystemClock())) as transport:
        assert await obstacle(transport, to(server)) == "connection refused"
        assert (
            await obstacle(transport, Message("GET", "http://nowhere.invalid/", Headers({}))) == "its name is not found"
        )


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, kind: Kind) -> None:
    trusting_nobody = kind(LONG_S, MAX_ANSWER, SystemClock())
    async with hostile(echo, self_signed(tmp_path)) as server, running(trusting_nobody) as transport:
        asked = Message("GET", f"https://127.0.0.1:{server.port}/", Headers({}))
        assert await obstacle(transport, asked) == "its TLS certificate is refused: self-signed certificate"
        assert server.visits == []


async def test_tls_is_offered_to_what_does_not_speak_it(kind: Kind) -> None:
    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with (
        await asyncio.start_server(refuse, "127.0.0.1", 0) as server,
        running(kind(LONG_S, MAX_ANSWER, SystemClock())) as transport,
    ):
        port = server.sockets[0].getsockname()[1]
        asked = Message("GET", f"https://127.0.0.1:{port}/", Headers({}))
        assert await obstacle(transport, asked) == "it does not speak TLS"


async def test_a_host_that_is_not_reached(kind: Kind) -> None:
    async with running(kind(LONG_S, MAX_ANSWER, SystemClock())) as transport:
        asked = Message("GET", "http://255.255.255.255:9/", Headers({}))
        assert await obstacle(transport, asked) == os.strerror(errno.ENETUNREACH).lower()


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    return context


PARTIAL = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nhello",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "only a 100": b"HTTP/1.1 100 Continue\r\n\r\n",
}


@pytest.mark.parametrize("partial", PARTIAL.values(), ids=PARTIAL)
async def test_closed_before_the_end(partial: bytes, between: Between) -> None:
    async def close_early(visit: Visit) -> None:
        await visit.say(partial)
        visit.writer.close()

    async with between(close_early) as (server, transport):
        assert await loss(transport, to(server)) is Lost.DISCONNECTED
        assert len(server.visits) == 1


@pytest.mark.parametrize("partial", PARTIAL.values(), ids=PARTIAL)
async def test_stalled_before_the_end(partial: bytes, between: Between) -> None:
    async def stall(visit: Visit) -> None:
        await visit.say(partial)
        await visit.gone()

    async with between(stall, within=0.2) as (server, transport):
        began = time.perf_counter()
        assert await loss(transport, to(server)) is Lost.TIMEOUT
        assert time.perf_counter() - began > 0.19
        await server.all_closed()


async def test_a_dribble_counts_as_one_exchange_with_one_limit(between: Between) -> None:
    async def dribble(visit: Visit) -> None:
        await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        for _ in range(500):
            await visit.say(b".")
            await asyncio.sleep(0.01)

    async with between(dribble, within=0.3) as (server, transport):
        assert await loss(transport, to(server)) is Lost.TIMEOUT
        await server.all_closed()


async def test_a_late_answer_is_never_the_next_ones(between: Between) -> None:
    late = asyncio.Event()

    async def answer_the_first_late(visit: Visit) -> None:
        if visit.arrival == 0:
            await late.wait()
        await echo(visit)

    async with between(answer_the_first_late, within=1.0) as (server, transport):
        assert await loss(transport, to(server, "/first")) is Lost.TIMEOUT
        late.set()
        for number in range(5):
            assert (await transport.send(to(server, f"/{number}"))).body == f"GET /{number} HTTP/1.1".encode()
        assert server.visits[1].connection != 0


async def test_a_cancelled_send_closes_its_connection(between: Between) -> None:
    arrived = asyncio.Event()

    async def never(visit: Visit) -> None:
        arrived.set()
        await visit.gone()

    async with between(never) as (server, transport):
        sending = asyncio.create_task(transport.send(to(server)))
        await arrived.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await server.all_closed()


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_an_endless_answer_is_cut_off_at_the_limit(framing: str, between: Between) -> None:
    said = 0

    async def five_gigabytes(visit: Visit) -> None:
        nonlocal said
        head = {"length": "Content-Length: 5000000000", "chunked": "Transfer-Encoding: chunked", "close": "X: y"}
        await visit.say(f"HTTP/1.1 200 OK\r\n{head[framing]}\r\n\r\n".encode())
        piece = bytes(50_000)
        if framing == "chunked":
            piece = b"C350\r\n" + piece + b"\r\n"
        while said < 5_000_000_000:
            await visit.say(piece)
            said += 50_000

    async with between(five_gigabytes) as (server, transport):
        assert await loss(transport, to(server)) is Lost.TOO_LARGE
        await server.all_closed()
        assert said < 50_000_000


async def test_an_answer_as_long_as_the_limit_is_whole(between: Between) -> None:
    async def full(visit: Visit) -> None:
        await visit.say(answer(bytes(MAX_ANSWER + visit.arrival)))

    async with between(full) as (server, transport):
        assert len((await transport.send(to(server))).body) == MAX_ANSWER
        assert await loss(transport, to(server)) is Lost.TOO_LARGE


async def test_a_decompression_bomb_is_cut_off_at_the_limit(between: Between) -> None:
    bomb = gzip.compress(bytes(300_000_000), 9)

    async def explode(visit: Visit) -> None:
        await visit.say(answer(bomb, "Content-Encoding: gzip"))

    async with between(explode) as (server, transport):
        tracemalloc.start()
        assert await loss(transport, to(server)) is Lost.TOO_LARGE
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10 * MAX_ANSWER


GARBAGE = {
    "not http": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "binary": bytes(range(256)),
    "bad status": b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n",
    "bad gzip": answer(b"not gzip at all", "Content-Encoding: gzip"),
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_what_is_not_http(garbage: bytes, between: Between) -> None:
    async def babble(visit: Visit) -> None:
        await visit.say(garbage)
        await visit.gone()

    async with between(babble) as (server, transport):
        assert await loss(transport, to(server)) is Lost.PROTOCOL
        await server.all_closed()


async def test_a_second_answer_in_the_same_breath_is_never_the_next_ones(between: Between) -> None:
    async def twice(visit: Visit) -> None:
        await visit.say(answer(visit.line.encode()) + answer(b"a stranger's"))

    async with between(twice) as (server, transport):
        for number in range(5):
            assert (await transport.send(to(server, f"/{number}"))).body == f"GET /{number} HTTP/1.1".encode()


async def test_a_second_answer_on_an_idle_connection_is_never_the_next_ones(between: Between) -> None:
    quiet = asyncio.Event()

    async def once_more(visit: Visit) -> None:
        await echo(visit)
        if visit.arrival == 0:
            await quiet.wait()
            await visit.say(answer(b"a stranger's"))

    async with between(once_more) as (server, transport):
        await transport.send(to(server, "/first"))
        quiet.set()
        async with asyncio.timeout(10):
            while not overheard(transport):  # noqa: ASYNC110 -- there is no event to wait for here
                await asyncio.sleep(0)
        assert await loss(transport, to(server, "/never-sent")) is Lost.PROTOCOL
        assert (await transport.send(to(server, "/next"))).body == b"GET /next HTTP/1.1"
        assert [visit.line.split()[1] for visit in server.visits] == ["/first", "/next"]


async def test_a_connection_that_is_reset_as_soon_as_it_is_made_blames_nobody(kind: Kind) -> None:
    """So a server ends that crashes: whether its kernel or the client is faster is up to luck, so it is tried often."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        resetting = Thread(target=_reset_all, args=(listening,))
        resetting.start()
        message = Message("GET", f"http://127.0.0.1:{listening.getsockname()[1]}/", Headers({}))
        async with running(kind(LONG_S, MAX_ANSWER, SystemClock())) as transport:
            ends = [await asyncio.gather(*(loss(transport, message) for _ in range(50))) for _ in range(20)]
        listening.shutdown(socket.SHUT_RDWR)
        resetting.join()
    assert set(chain.from_iterable(ends)) <= {Lost.DISCONNECTED, Lost.CONNECT}


def _reset_all(listening: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


def overheard(transport: Transport) -> bool:
    """Whether a transport has noticed that the server spoke on its idle connection."""
    if isinstance(transport, WireTransport):
        [origin] = transport._origins.values()
        return bool(origin._overheard)
    assert isinstance(transport, AiohttpTransport)
    assert transport._session.connector is not None
    [[(idle, _)]] = transport._session.connector._conns.values()
    return idle.should_close


@pytest.mark.parametrize("length", [3, 7])
async def test_a_length_that_lies_never_confuses_the_next_answer(length: int, between: Between) -> None:
    async def lie(visit: Visit) -> None:
        if visit.arrival == 0:
            await visit.say(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nhello".encode())
        else:
            await echo(visit)

    async with between(lie, within=1.0) as (server, transport):
        assert await loss(transport, to(server, "/lie")) is (Lost.PROTOCOL if length < 5 else Lost.TIMEOUT)
        assert (await transport.send(to(server, "/next"))).body == b"GET /next HTTP/1.1"


async def test_many_at_once_each_get_their_own(between: Between) -> None:
    async def shuffled(visit: Visit) -> None:
        await asyncio.sleep(visit.arrival * 7 % 11 / 1000)
        await echo(visit)

    async with between(shuffled) as (server, transport):
        answers = await asyncio.gather(*(transport.send(to(server, f"/{number}")) for number in range(200)))
        assert [got.body for got in answers] == [f"GET /{number} HTTP/1.1".encode() for number in range(200)]
        assert server.connections == 200


async def test_a_host_that_cannot_be_is_no_connection(kind: Kind) -> None:
    async with running(kind(LONG_S, MAX_ANSWER, SystemClock())) as transport:
        for host in ("256.256.256.256", "[::1%nowhere]"):
            assert await loss(transport, Message("GET", f"http://{host}:1/", Headers({}))) is Lost.CONNECT


async def test_close_is_idempotent(kind: Kind) -> None:
    transport = kind(1.0, MAX_ANSWER, SystemClock())
    await transport.close()
    await transport.close()
