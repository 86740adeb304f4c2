"""The answers on one connection, read from its bytes one at a time."""

import zlib
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from loadcheck.engine.events import Answer, Lost
from loadcheck.engine.transport import LostAnswer
from loadcheck.engine.wire_heads import MAX_HEAD, Heads

# A chunk of a single byte comes as six. With more than this around each byte, the body is not what is being sent.
_FRAMING: Final = 16
_FINAL: Final = 200  # a status below announces an answer, and is none
_ZLIB_OR_GZIP: Final = 47  # zlib's code for either format with the largest window
_ZIPPED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_NAMES_KEPT: Final = 1_000

_names: dict[bytes, str] = {}


class Answers:
    """Reads the answers of one connection, each only after it was expected.

    The parser calls the methods named `on_`.

    Args:
        max_answer: Bytes of body, decompressed, beyond which an answer is cut off.
        heads: Those that were read before, on any connection to the same server.

    Attributes:
        stray: Whether the server said more than it was asked for. Its next words could pass for another answer.
        kept: Whether the server lets the connection be used again.
    """

    __slots__ = (
        "_awaited",
        "_bodiless",
        "_headers",
        "_heads",
        "_lost",
        "_max",
        "_parser",
        "_parts",
        "_past_head",
        "_received",
        "_room",
        "_status",
        "kept",
        "stray",
    )

    def __init__(self, max_answer: int, heads: Heads) -> None:
        self._max = max_answer
        self._heads = heads
        self._parser = HttpResponseParser(self)
        self._bodiless = False
        self._lost = Lost.PROTOCOL
        self._status = 0
        self._awaited = False
        self._past_head = False
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._received = 0
        self._room = max_answer
        self.kept = True
        self.stray = False

    def expect(self, method: str) -> None:
        """Be ready for the answer to a request of this method."""
        if self._bodiless:
            # The parser may still wait for the body that the last head spoke of.
            self._parser = HttpResponseParser(self)
        self._bodiless = method == "HEAD"
        self._awaited = True
        self._past_head = False
        self._headers = {}
        self._parts = []
        self._received = 0
        self._room = self._max

    def feed(self, data: bytes) -> bool:
        """Read on, and return whether the answer is whole.

        Raises:
            LostAnswer: these bytes are not HTTP, or the answer is too long.
        """
        first = self._awaited and not self._received and not self._bodiless
        if first and self._read_again(data):
            return True
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            raise LostAnswer(self._lost) from None
        if self._awaited and self._received > MAX_HEAD + _FRAMING * (self._max - self._room):
            raise LostAnswer(Lost.PROTOCOL)
        if first and not self._awaited and self.kept and not self.stray:
            self._heads.keep(data, (self._status, self._headers, b"".join(self._parts)))
        return not self._awaited

    def end(self) -> None:
        """Take note that nothing more will come, which ends an answer that tells its length in no other way.

        Raises:
            LostAnswer: it is not whole.
        """
        codings = self._headers.get("transfer-encoding", "").lower()
        framed = "content-length" in self._headers or codings.endswith("chunked")
        if framed or not self._past_head:
            raise LostAnswer(Lost.DISCONNECTED)
        self._finish()

    def take(self, sent: float, done: float) -> Answer:
        """Return the answer that is whole, and keep nothing of it.

        Raises:
            LostAnswer: its body cannot be decompressed, or is too long then.
        """
        parts, self._parts = self._parts, []
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        headers = self._headers
        if body and headers.get("content-encoding", "").lower() in _ZIPPED:
            body = _unzipped(body, self._max)
        return Answer(self._status, headers, body, sent, done)

    def _read_again(self, data: bytes) -> bool:
        """Read an answer without the parser, if it is whole and its head is known; return whether it was."""
        whole = self._heads.read(data)
        if whole is None or len(whole[2]) > self._max:
            return False
        self._status, self._headers, body = whole
        self._parts = [body]
        self._awaited, self.kept = False, True
        return True

    def on_message_begin(self) -> None:
        """Something that may be an answer begins."""
        if not self._awaited:
            self.stray = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; what comes after the body is none of the answer's."""
        if self._past_head:
            return
        key = _names.get(name) or _lower(name)
        text, headers = value.decode("utf-8", "surrogateescape"), self._headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """Learn whether a body follows."""
        if not self._awaited:
            return
        if self._received > MAX_HEAD and sum(map(len, [*self._headers, *self._headers.values()])) > MAX_HEAD:
            raise LostAnswer(Lost.PROTOCOL)
        self._past_head = True
        self._status = self._parser.get_status_code()
        if self._bodiless and self._status >= _FINAL:
            self._finish()

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body, up to the limit."""
        if not self._awaited:
            self.stray = True
            return
        self._room -= len(part)
        if self._room < 0:
            self._lost = Lost.TOO_LARGE
            raise LostAnswer(Lost.TOO_LARGE)
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """End the answer, or what only announced it."""
        if not self._awaited:
            return
        if self._status >= _FINAL:
            self._finish()
        else:
            self._headers, self._past_head = {}, False

    def _finish(self) -> None:
        self._awaited = False
        self.kept = self._parser.should_keep_alive()


def _lower(name: bytes) -> str:
    lower = name.decode("ascii", "replace").lower()
    if len(_names) < _NAMES_KEPT:
        _names[name] = lower
    return lower


def _unzipped(data: bytes, room: int) -> bytes:
    """Return what gzip or zlib packed, in one piece or in several, one after another."""
    parts: list[bytes] = []
    while data:
        member = zlib.decompressobj(_ZLIB_OR_GZIP)
        try:
            part = member.decompress(data, room + 1)
        except zlib.error:
            raise LostAnswer(Lost.PROTOCOL) from None
        room -= len(part)
        if room < 0:
            raise LostAnswer(Lost.TOO_LARGE)
        if not member.eof:
            raise LostAnswer(Lost.PROTOCOL)
        parts.append(part)
        data = member.unused_data
    return b"".join(parts)
