"""Heads of answers that were read before: the same bytes say the same again, and need no parser."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from loadcheck.oracle.stamp import HEADER

MAX_HEAD: Final = 65_536  # bytes: an answer's Content-Location repeats the query, which may be long

_END: Final = b"\r\n\r\n"
_STAMP: Final = f"\r\n{HEADER}: ".encode()
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
_LENGTH: Final = 10  # bytes of a chunk's first line; no parser doubts one as short
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{1,8}\r\n")
_CHUNKED: Final = -1  # for a length: the body tells it itself
_KEPT: Final = 2_000  # about a kilobyte each; a server's clock makes new ones of them every second

Whole = tuple[int, dict[str, str], bytes]
"""Status, headers and body of an answer."""


@dataclass(slots=True)
class _Head:
    """What the parser made of a head; without its stamp, which is another one on each answer."""

    status: int
    headers: dict[str, str]
    length: int


class Heads:
    """Reads answers of which head and framing were read before.

    The parser begins each answer in one and the same state, so of the same bytes it makes the same. What is kept came
    in one piece, with nothing before or after it, and so does what is recognised. The value of a stamp is left out of
    the comparison where it is printable ASCII: such bytes mean nothing to a parser.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, _Head] = {}

    def read(self, data: bytes) -> Whole | None:
        """Return the answer that some bytes are; None where the parser must tell."""
        end = data.find(_END) + len(_END)
        key, stamp = _without_stamp(data, end)
        head = self._known.get(key)
        if head is None or end > MAX_HEAD:
            return None
        body = data[end:] if head.length >= 0 else _only_chunk(data, end)
        if body is None or head.length not in {len(body), _CHUNKED}:
            return None
        if stamp is None:
            return head.status, head.headers, body
        text = _printable(stamp)
        return None if text is None else (head.status, {**head.headers, HEADER: text}, body)

    def keep(self, data: bytes, whole: Whole) -> None:
        """Keep the head of an answer that the parser has read from these bytes, and from all of them."""
        status, headers, body = whole
        end = data.find(_END) + len(_END)
        if data[end:] == body:
            length = len(body)
        elif _only_chunk(data, end) == body:
            length = _CHUNKED
        else:
            return
        key, stamp = _without_stamp(data, end)
        if headers.get(HEADER) != (None if stamp is None else _printable(stamp)):
            return
        if len(self._known) >= _KEPT:
            self._known.clear()
        rest = {name: value for name, value in headers.items() if name != HEADER}
        self._known[key] = _Head(status, rest, length)


def _without_stamp(data: bytes, end: int) -> tuple[bytes, bytes | None]:
    """Return a head without the value of its stamp, and that value; None where there is no stamp."""
    at = data.find(_STAMP, 0, end)
    if at < 0:
        return data[:end], None
    at += len(_STAMP)
    stop = data.find(b"\r\n", at)
    return data[:at] + data[stop:end], data[at:stop]


def _only_chunk(data: bytes, start: int) -> bytes | None:
    """Return the body that one chunk and the empty one make; None where something else is there."""
    first = data.find(b"\r\n", start, start + _LENGTH) + 2
    body = data[first : -len(_LAST_CHUNK)]
    framed = data.endswith(_LAST_CHUNK) and _length(data[start:first]) == len(body)
    return body if framed and body else None


@lru_cache(maxsize=4_096)
def _length(line: bytes) -> int | None:
    """Return the length that the first line of a chunk tells; PostgREST writes four digits at least."""
    return int(line, 16) if _HEX.fullmatch(line) else None


def _printable(value: bytes) -> str | None:
    """Return a header's value that is what it seems to be; None where a parser may see more in it, or less."""
    text = value.decode("ascii", "replace")
    return text if value.isascii() and text.isprintable() and text == text.strip() else None
