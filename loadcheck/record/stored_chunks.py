"""Reading a file of chunks: what is whole is read, and what is not is named."""

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from loadcheck.errors import UsageProblem
from loadcheck.record.chunks import HEADER_BYTES, MARK, Header, unpack


@dataclass(frozen=True, slots=True)
class Damage:
    """A part of a file that cannot be read.

    Attributes:
        file: The file's name.
        chunk: The number of the first chunk that is damaged or missing.
        start: The first byte of what is damaged; the bytes of a missing chunk are nowhere, and `end` is the same.
        end: The byte after it.
        lines: How many lines are lost; None where nothing after it tells.
    """

    file: str
    chunk: int
    start: int
    end: int
    lines: int | None

    def __str__(self) -> str:
        """Tell it in words."""
        lost = "an unknown number of lines" if self.lines is None else f"{self.lines:,} lines"
        what = "is missing" if self.start == self.end else f"is damaged (bytes {self.start:,} to {self.end:,})"
        return f"chunk {self.chunk} of {self.file} {what}: {lost} lost"


class StoredChunks:
    """The lines of a file of chunks.

    Args:
        path: The file.

    Attributes:
        damages: Once all were read: what was skipped, in order.
        cut: Once all were read: whether the file was never closed, as after a kill, or lost its end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reset()

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line that is whole, without its newline.

        Raises:
            UsageProblem: the file cannot be read, or was never a file of chunks.
        """
        self._reset()
        try:
            with self._path.open("rb") as file:
                yield from self._lines(file.fileno())
        except OSError as error:
            raise _unreadable(self._path, error.strerror or str(error)) from None

    def _reset(self) -> None:
        self.damages: list[Damage] = []
        self.cut = True
        self._number = 0
        self._first = 0
        self._read_to = 0

    def _lines(self, descriptor: int) -> Iterator[bytes]:
        try:
            data = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        except ValueError:  # an empty file: nothing was ever flushed
            return
        with data:
            if data.find(MARK) < 0 and len(data) >= HEADER_BYTES:
                raise _unreadable(self._path, "it holds no chunk of this version of loadcheck")
            yield from self._chunks(data)

    def _chunks(self, data: mmap.mmap) -> Iterator[bytes]:
        at = 0
        while (at := data.find(MARK, at)) >= 0:
            header = Header.read(data[at : at + HEADER_BYTES])
            lines = None if header is None or not self._follows(header) else _unpacked(data, at, header)
            if header is None or lines is None:
                at += 1
                continue
            self._skip(header, at)
            self._number, self._first = header.number + 1, header.first + header.count
            at = self._read_to = at + HEADER_BYTES + header.size
            self.cut = not header.last
            yield from lines.split(b"\n")[:-1]
        self._rest(data)

    def _follows(self, header: Header) -> bool:
        """Whether the chunk is the next one, or a later one with something missing before it."""
        if not self.cut:
            return False
        if header.number == self._number:
            return header.first == self._first
        return header.number > self._number and header.first >= self._first

    def _skip(self, header: Header, at: int) -> None:
        if header.number > self._number or at > self._read_to:
            self._damaged(at, header.first - self._first)

    def _rest(self, data: mmap.mmap) -> None:
        """Take note of what comes after the last chunk that could be read."""
        if self._read_to < len(data):
            header = Header.read(data[self._read_to : self._read_to + HEADER_BYTES])
            self._damaged(len(data), header.count if header and self._follows(header) else None)

    def _damaged(self, end: int, lines: int | None) -> None:
        self.damages.append(Damage(self._path.name, self._number, self._read_to, end, lines))


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """The lines of several files of chunks, one file after the other."""

    files: Sequence[StoredChunks]

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line that is whole, without its newline."""
        return chain.from_iterable(self.files)

    @property
    def damages(self) -> list[Damage]:
        """Once all were read: what was skipped, in order."""
        return [damage for file in self.files for damage in file.damages]

    @property
    def cut(self) -> bool:
        """Once all were read: whether one of them was never closed."""
        return any(file.cut for file in self.files)


def _unpacked(data: mmap.mmap, at: int, header: Header) -> bytes | None:
    start = at + HEADER_BYTES
    return unpack(header, data[start : start + header.size])


def _unreadable(path: Path, reason: str) -> UsageProblem:
    return UsageProblem(
        f"no history of a run can be read at {path}: {reason}",
        "Name the folder of a run of this version, such as one below reports/.",
    )
