"""Whatever a server says, and however it is cut into pieces, it is the right answer or none."""

import asyncio
import gzip
from collections import deque
from collections.abc import Sequence
from itertools import repeat

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from loadcheck.clock import SystemClock
from loadcheck.engine.aiohttp_transport import AiohttpTransport
from loadcheck.engine.events import Answer, Lost
from loadcheck.engine.messages import Headers, Message
from loadcheck.engine.transport import LostAnswer, Transport
from loadcheck.engine.wire import WireTransport
from loadcheck.engine.wire_answers import Answers
from loadcheck.engine.wire_heads import Heads
from loadcheck.oracle.stamp import HEADER
from tests.engine.transports.hostile import Visit, answer, hostile

MAX_ANSWER = 2_000

SOUND = {
    "length": answer(b"[]", "Content-Type: application/json"),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\nTrailer: x\r\n\r\n",
    "gzip": answer(gzip.compress(b"[]", mtime=0), "Content-Encoding: gzip"),
    "two gzips": answer(gzip.compress(b"[", mtime=0) + gzip.compress(b"]", mtime=0), "Content-Encoding: gzip"),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "announced": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(b"[]"),
    "old": b"HTTP/1.0 200 OK\r\n\r\n[]",
}
STAMP = f"{HEADER}: 7 1 - - x"
AGAIN = [
    *SOUND.values(),
    answer(b"[1]", STAMP),
    answer(b"[1]", STAMP, f"{HEADER}: 8 1 - - x"),
    answer(b"[1]", STAMP, " and a fold"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + STAMP.encode() + b"\r\n\r\n3\r\n[1]\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0003\r\n[1]\r\n0\r\n\r\n",
    answer(b"", "X: no body"),
]
SPOILS = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 4), st.binary(max_size=6)), max_size=3)
CUTS = st.lists(st.integers(1, 12), min_size=1, max_size=40)


def spoiled(stream: bytes, spoils: Sequence[tuple[int, int, bytes]]) -> bytes:
    for at, removed, put in spoils:
        stream = stream[:at] + put + stream[at + removed :]
    return stream


def pieces(stream: bytes, cuts: Sequence[int]) -> list[bytes]:
    cut: list[bytes] = []
    for size in cuts:
        cut.append(stream[:size])
        stream = stream[size:]
    return [piece for piece in [*cut, stream] if piece]


def read(parts: Sequence[bytes], method: str = "GET", heads: Heads | None = None) -> tuple[Answer | Lost, bool]:
    """What one answer's bytes come to when the connection then ends, and whether the server said more than that."""
    answers = Answers(MAX_ANSWER, heads or Heads())
    answers.expect(method)
    try:
        for at, part in enumerate(parts, 1):
            if answers.feed(part):
                return answers.take(0, 0), answers.stray or at < len(parts)
        answers.end()
        return answers.take(0, 0), False
    except LostAnswer as loss:
        return loss.lost, True


@pytest.mark.parametrize("sound", SOUND.values(), ids=SOUND)
@given(cuts=CUTS)
@settings(deadline=None, max_examples=60)
def test_the_pieces_in_which_a_sound_answer_comes_do_not_matter(sound: bytes, cuts: list[int]) -> None:
    got, more = read(pieces(sound, cuts))
    assert isinstance(got, Answer)
    assert got.body == (b"" if got.status == 204 else b"[]")
    assert got.headers.keys() <= {"content-type", "content-length", "transfer-encoding", "content-encoding"}
    assert not more


@given(st.sampled_from(list(SOUND.values())), SPOILS, CUTS)
@settings(deadline=None, max_examples=400)
def test_the_pieces_of_a_broken_stream_matter_only_after_its_answer(
    sound: bytes, spoils: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    stream = spoiled(sound, spoils)
    whole, _ = read([stream])
    cut, more = read(pieces(stream, cuts))
    assert whole == cut or (whole is Lost.PROTOCOL and isinstance(cut, Answer) and more)


@given(st.sampled_from(list(SOUND.values())[:-1]), CUTS, st.sampled_from(["GET", "HEAD"]))
@settings(deadline=None, max_examples=200)
def test_a_second_answer_is_never_part_of_the_first(sound: bytes, cuts: list[int], method: str) -> None:
    stranger = answer(b"a stranger's", "X: y")
    got, more = read(pieces(sound + stranger, cuts), method)
    assert more
    if isinstance(got, Answer):
        assert got.body in {b"[]", b""}
        assert "x" not in got.headers
    else:
        assert got is Lost.PROTOCOL
        assert method == "HEAD"


@given(st.sampled_from(list(SOUND.values())[:-1]), CUTS)
@settings(deadline=None, max_examples=100)
def test_answers_follow_each_other_on_one_connection(sound: bytes, cuts: list[int]) -> None:
    answers = Answers(MAX_ANSWER, Heads())
    for method in ("GET", "HEAD", "GET"):
        stream = answer(b"", "X: head").replace(b"Length: 0", b"Length: 9") if method == "HEAD" else sound
        answers.expect(method)
        assert [answers.feed(piece) for piece in pieces(stream, cuts)].count(True) == 1
        got = answers.take(0, 0)
        assert got.body in {b"[]", b""}
        assert ("x" in got.headers) is (method == "HEAD")
        assert answers.kept
        assert not answers.stray


@given(st.lists(st.tuples(st.sampled_from(AGAIN), SPOILS, CUTS, st.sampled_from(["GET", "HEAD"])), max_size=12))
@settings(deadline=None, max_examples=400)
def test_an_answer_is_the_same_whatever_was_read_before(
    streams: list[tuple[bytes, list[tuple[int, int, bytes]], list[int], str]],
) -> None:
    before = Heads()
    for stream, spoils, cuts, method in streams:
        parts = pieces(spoiled(stream, spoils), cuts if cuts[0] < 7 else [])
        assert read(parts, method, before) == read(parts, method)


@pytest.mark.parametrize("stream", AGAIN[-7:])
@pytest.mark.parametrize("more", [b"", b"0\r\n\r\n", b"[1]"])
def test_nothing_after_an_answer_is_taken_for_its_end(stream: bytes, more: bytes) -> None:
    before = Heads()
    read([stream], heads=before)
    assert read([stream + more], heads=before) == read([stream + more])


def test_a_known_head_leaves_only_the_stamp_to_be_read() -> None:
    before = Heads()
    for stream in (answer(b"[]", STAMP), answer(b"[]")):
        assert before.read(stream) is None
        read([stream], heads=before)
    known = before.read(answer(b"[]", STAMP.replace("7", "8")))
    assert known is not None
    assert known[1][HEADER] == "8 1 - - x"
    assert before.read(answer(b"[]")) is not None
    assert before.read(answer(b"[]", STAMP.replace("7", "\t"))) is None


@pytest.mark.parametrize("length", [b"5", b"0005", b"00000005"])
def test_a_chunk_is_known_however_many_digits_tell_its_length(length: bytes) -> None:
    """PostgREST writes four at least."""
    head, before = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Heads()
    read([head + b"3\r\n[1]\r\n0\r\n\r\n"], heads=before)
    assert before.read(head + length + b"\r\n[1,2]\r\n0\r\n\r\n") == (200, {"transfer-encoding": "chunked"}, b"[1,2]")
    for wrong in (b"0x5", b"+5", b"5 ", b"0006", b"000000005", b""):
        assert before.read(head + wrong + b"\r\n[1,2]\r\n0\r\n\r\n") is None


ENDLESS = {
    "announcements": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "a header": (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 20),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "a chunk's extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 20),
}


@pytest.mark.parametrize(("begin", "more"), ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_cut_off(begin: bytes, more: bytes) -> None:
    answers = Answers(MAX_ANSWER, Heads())
    answers.expect("GET")
    answers.feed(begin or more)
    with pytest.raises(LostAnswer) as caught:
        deque(map(answers.feed, repeat(more, 200_000 // len(more))), maxlen=0)
    assert caught.value.lost is Lost.PROTOCOL


@pytest.mark.parametrize("step", [1, 1000, 10**6])
def test_a_head_beyond_the_limit_is_refused_in_whatever_pieces_it_comes(step: int) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"
    assert read([head[at : at + step] for at in range(0, len(head), step)]) == (Lost.PROTOCOL, True)


@pytest.mark.parametrize("kind", [AiohttpTransport, WireTransport])
@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(SOUND.values())), SPOILS, st.integers(1, 100))
def test_whatever_comes_over_a_socket_is_an_answer_or_lost(
    kind: type[AiohttpTransport] | type[WireTransport],
    sound: bytes,
    spoils: list[tuple[int, int, bytes]],
    cut: int,
) -> None:
    stream = spoiled(sound, spoils)

    async def say(visit: Visit) -> None:
        await visit.say(stream[:cut], stream[cut:])
        visit.writer.close()

    async def ask(transport: Transport, url: str) -> Answer | Lost:
        try:
            return await transport.send(Message("GET", url, Headers({})))
        except LostAnswer as reason:
            return reason.lost
        finally:
            await transport.close()

    async def run() -> Answer | Lost:
        async with hostile(say) as server:
            return await ask(kind(300.0, MAX_ANSWER, SystemClock()), server.url + "/")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        got = runner.run(run())
    if spoils:
        assert isinstance(got, Answer) or got in {Lost.PROTOCOL, Lost.DISCONNECTED, Lost.TOO_LARGE}
    else:
        assert isinstance(got, Answer)
        assert got.body in {b"[]", b""}
