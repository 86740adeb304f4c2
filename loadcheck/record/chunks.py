"""Chunks: the form of a run's growing files. `zcat` reads them, and no damage goes unnoticed.

Each chunk is a gzip member of its own (RFC 1952), as in BGZF (SAM specification, section 4.1): its header says, in the
extra field, where in the file it belongs, how many lines it holds and how long it is, with a checksum over the header
itself; its trailer has the checksum of its lines. The last chunk of a file that was closed says that it is the last.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Final, Self

from isal import isal_zlib

_LEVEL: Final = 1
_RAW: Final = -15  # zlib's code for deflate alone, with the largest window
# Deflate, with an extra field; no time and no operating system. Then the extra field's length, its name, its length.
_PREAMBLE: Final = bytes.fromhex("1f8b 08 04 00000000 00 ff") + struct.pack("<H2sH", 29, b"LC", 25)
_FIELDS: Final = struct.Struct("<IQII?")
_SUM: Final = struct.Struct("<I")
_TRAILER: Final = struct.Struct("<II")

HEADER_BYTES: Final = len(_PREAMBLE) + _FIELDS.size + _SUM.size


@dataclass(frozen=True, slots=True)
class Header:
    """What a chunk says of itself.

    Attributes:
        number: Its place among the file's chunks, from 0.
        first: How many lines the chunks before it hold.
        count: How many lines it holds.
        size: How many bytes follow its header.
        last: Whether the file was closed with it.
    """

    number: int
    first: int
    count: int
    size: int
    last: bool

    @classmethod
    def read(cls, data: bytes) -> Self | None:
        """Return the header that the data begin with; None when they do not begin with a whole, undamaged one."""
        fields = data[len(_PREAMBLE) : HEADER_BYTES - _SUM.size]
        if len(data) < HEADER_BYTES or not data.startswith(_PREAMBLE) or fields[-1] > 1:
            return None
        (checksum,) = _SUM.unpack_from(data, HEADER_BYTES - _SUM.size)
        return cls(*_FIELDS.unpack(fields)) if checksum == zlib.crc32(fields) else None

    def packed(self) -> bytes:
        """Return it as bytes."""
        fields = _FIELDS.pack(*astuple(self))
        return _PREAMBLE + fields + _SUM.pack(zlib.crc32(fields))


MARK: Final = _PREAMBLE
"""What every chunk begins with."""


def pack(pieces: Iterable[bytes], number: int, first: int, *, last: bool) -> bytes:
    """Return a chunk.

    Args:
        pieces: What it holds, each line with its newline; a piece is compressed before the next one is asked for.
        number: Its place in the file.
        first: How many lines come before it.
        last: Whether it is the last.
    """
    # A quarter of the time that zlib takes, for the same form and length.
    deflate = isal_zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    packed, checksum, length, count = [], 0, 0, 0
    for piece in pieces:
        packed.append(deflate.compress(piece))
        checksum, length, count = isal_zlib.crc32(piece, checksum), length + len(piece), count + piece.count(b"\n")
    body = b"".join(packed) + deflate.flush() + _TRAILER.pack(checksum, length & 0xFFFFFFFF)
    return Header(number, first, count, len(body), last).packed() + body


def unpack(header: Header, body: bytes) -> bytes | None:
    """Return the lines of a chunk; None when they are damaged.

    Args:
        header: The chunk's header.
        body: What follows it.
    """
    inflate = zlib.decompressobj(_RAW)
    try:
        lines = inflate.decompress(body)
    except zlib.error:
        return None
    trailer = _TRAILER.pack(zlib.crc32(lines), len(lines) & 0xFFFFFFFF)
    whole = inflate.eof and inflate.unused_data == trailer and len(body) == header.size
    return lines if whole and lines.count(b"\n") == header.count else None
