"""Chunks under any damage: never a crash, never a line twice or made up, never a loss that goes unnoticed."""

import gzip
from hashlib import shake_256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.errors import UsageProblem
from loadcheck.record.chunk_file import ChunkFile
from loadcheck.record.chunks import HEADER_BYTES, MARK, pack
from loadcheck.record.stored_chunks import StoredChunks
from tests.record.disk import small_disk

COUNTS = (3, 1, 4, 0, 5)
LINES = [f"line {number}".encode() for number in range(sum(COUNTS))]


def packed() -> list[bytes]:
    chunks, first = [], 0
    for number, count in enumerate(COUNTS):
        lines = b"".join(line + b"\n" for line in LINES[first : first + count])
        chunks.append(pack([lines], number, first, last=number == len(COUNTS) - 1))
        first += count
    return chunks


CHUNKS = packed()
WHOLE = b"".join(CHUNKS)


def read(data: bytes) -> tuple[list[bytes], StoredChunks]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "chunks.gz"
        path.write_bytes(data)
        stored = StoredChunks(path)
        return list(stored), stored


def assert_noticed(data: bytes) -> None:
    try:
        lines, stored = read(data)
    except UsageProblem:
        assert not data.startswith(CHUNKS[0])
        return
    if lines == LINES and (len(data), data[-8:]) == (len(WHOLE), WHOLE[-8:]):
        return  # the few bits that pad compressed data to whole bytes mean nothing
    assert [line for line in LINES if line in lines] == lines
    assert stored.damages or stored.cut
    known = [damage.lines for damage in stored.damages]
    if not stored.cut and None not in known:
        assert len(lines) + sum(lost or 0 for lost in known) == len(LINES)


def test_what_is_whole_is_read_as_it_is_and_by_gzip_too() -> None:
    lines, stored = read(WHOLE)
    assert lines == LINES
    assert (stored.damages, stored.cut) == ([], False)
    assert gzip.decompress(WHOLE) == b"".join(line + b"\n" for line in LINES)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_byte_that_changed_is_noticed(at: int, change: int) -> None:
    assert_noticed(WHOLE[:at] + bytes([WHOLE[at] ^ change]) + WHOLE[at + 1 :])


@given(st.integers(0, len(WHOLE) - 1))
def test_an_end_that_is_missing_is_noticed(left: int) -> None:
    assert_noticed(WHOLE[:left])


@given(st.integers(0, len(WHOLE)), st.integers(1, len(WHOLE)))
def test_bytes_that_are_missing_are_noticed(start: int, length: int) -> None:
    without = WHOLE[:start] + WHOLE[start + length :]
    if without != WHOLE:
        assert_noticed(without)


@given(st.integers(0, len(WHOLE)), st.binary(min_size=1, max_size=200))
def test_bytes_that_came_in_are_noticed(at: int, more: bytes) -> None:
    changed = WHOLE[:at] + more + WHOLE[at:]
    if changed != WHOLE:
        assert_noticed(changed)


@given(st.lists(st.sampled_from(CHUNKS), max_size=8))
def test_chunks_in_another_order_or_twice_are_noticed(chunks: list[bytes]) -> None:
    if chunks != CHUNKS:
        assert_noticed(b"".join(chunks))


@given(st.binary(max_size=300))
def test_anything_else_is_refused_or_told_as_damaged(data: bytes) -> None:
    assert_noticed(data)


def test_a_missing_chunk_is_named_with_what_it_held() -> None:
    lines, stored = read(CHUNKS[0] + b"".join(CHUNKS[3:]))
    assert lines == LINES[:3] + LINES[8:]
    (damage,) = stored.damages
    assert (damage.chunk, damage.lines, damage.start) == (1, 5, len(CHUNKS[0]))
    assert "chunk 1 of chunks.gz is missing: 5 lines lost" in str(damage)
    assert not stored.cut


def test_a_damaged_chunk_is_named_with_its_bytes_and_skipped() -> None:
    start, end = len(CHUNKS[0] + CHUNKS[1]), len(b"".join(CHUNKS[:3]))
    broken = bytearray(WHOLE)
    broken[start + HEADER_BYTES + 3] ^= 0xFF
    lines, stored = read(bytes(broken))
    assert lines == LINES[:4] + LINES[8:]
    assert [str(damage) for damage in stored.damages] == [
        f"chunk 2 of chunks.gz is damaged (bytes {start} to {end}): 4 lines lost"
    ]


def test_a_file_of_another_kind_is_refused_in_one_message() -> None:
    with pytest.raises(UsageProblem, match="no chunk of this version"):
        read(gzip.compress(bytes(range(256))))


def test_lines_wait_for_a_flush_and_stay_in_order(tmp_path: Path) -> None:
    path = tmp_path / "h.gz"
    file = ChunkFile(path)
    for line in LINES[:4]:
        file.add(line + b"\n")
    assert path.read_bytes() == b""
    file.flush()
    file.flush()
    assert path.read_bytes().count(MARK) == 1
    file.add(LINES[4] + b"\n")
    file.close()
    assert list(StoredChunks(path)) == LINES[:5]
    assert file.size == path.stat().st_size


@given(room=st.integers(0, 60_000), count=st.integers(1, 300), together=st.integers(1, 70))
def test_a_disk_without_room_for_all_keeps_what_it_has_room_for(room: int, count: int, together: int) -> None:
    lines = [shake_256(bytes([number % 256, number >> 8])).hexdigest(100).encode() for number in range(count)]
    with TemporaryDirectory() as folder:
        file = ChunkFile(Path(folder) / "chunks.gz")
        for start in range(0, count, together):
            file.add(b"".join([line + b"\n" for line in lines[start : start + together]]))
        assert file.lines == count
        with small_disk(room):
            whole = file.salvage(file.pending)
        file.abandon()
        stored = StoredChunks(file.path)
        kept = list(stored)
        left = room - file.path.stat().st_size
    assert kept == lines[: len(kept)]
    assert not stored.damages
    assert whole == (len(kept) == count)
    assert whole or left < len(pack([lines[len(kept)] + b"\n"], 0, 0, last=False))
