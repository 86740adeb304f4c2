"""A file of chunks while it is written."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from loadcheck.errors import EnvironmentProblem
from loadcheck.record.chunks import pack

_CHUNK_BYTES: Final = 1 << 20  # of lines, before they are compressed; every chunk is read as a whole
_PIECE_BYTES: Final = 1 << 16
_REST_S: Final = 0.0005
_MUCH_BYTES: Final = 4 << 20


class ChunkFile:
    """Collects lines, and appends them to its file a chunk at a time. One thread may add while another one writes.

    Lines that are added together wait together, as one block: nothing is done for each of them.

    Args:
        path: The file; it must not exist yet.

    Attributes:
        lines: How many lines were added.
        size: How many bytes the file has.

    Raises:
        EnvironmentProblem: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.size = 0
        self._waiting: deque[bytes] = deque()
        self._added = 0  # bytes of lines; this and the next are each changed by one thread alone
        self._flushed = 0
        self._chunks = 0
        self._first = 0
        self._rests = True
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise unwritable(path, error) from None

    @property
    def waiting(self) -> int:
        """How many bytes of lines wait for a flush."""
        return self._added - self._flushed

    @property
    def full(self) -> bool:
        """Whether what waits is enough for a chunk."""
        return self.waiting >= _CHUNK_BYTES

    @property
    def pending(self) -> int:
        """How many blocks wait for a flush."""
        return len(self._waiting)

    def add(self, lines: bytes) -> None:
        """Add a block of lines, each with its newline; they wait for the next flush."""
        self._waiting.append(lines)
        self._added += len(lines)
        self.lines += lines.count(b"\n")

    def flush(self, count: int | None = None) -> None:
        """Write what waits, so that it stays readable whatever happens to the process.

        Args:
            count: How many blocks, of those that have waited longest; None for all.

        Raises:
            OSError: it cannot be written.
        """
        left = self.pending if count is None else count
        while left:
            left -= self._append(left, last=False)

    def close(self) -> None:
        """Write what waits, and that nothing more will come.

        Raises:
            OSError: it cannot be written.
        """
        self._rests = False
        with self._file:
            self.flush()
            self._append(0, last=True)

    def salvage(self, count: int) -> bool:
        """Write as many lines of so many blocks as there is room for: what did not fit at once may fit in parts.

        Args:
            count: How many blocks, of those that have waited longest.

        Returns:
            Whether all of their lines were written.
        """
        self._rests = False
        lines = b"".join([self._waiting.popleft() for _ in range(count)]).split(b"\n")[:-1]
        self._waiting.extendleft([line + b"\n" for line in reversed(lines)])
        left = part = len(lines)
        while left and part:
            try:
                left -= self._append(min(left, part), last=False)
            except OSError:
                part //= 2
        return not left

    def abandon(self) -> None:
        """Close the file as it is: it cannot be written any more."""
        self._waiting.clear()
        self._file.close()

    def _append(self, most: int, *, last: bool) -> int:
        """Append a chunk of so many blocks, or fewer where those are enough for one; return how many it has.

        Nothing of a chunk that cannot be written stays in the file: its blocks wait again.
        """
        blocks: list[bytes] = []
        length = 0
        while len(blocks) < most and length < _CHUNK_BYTES:
            block = self._waiting.popleft()
            blocks.append(block)
            length += len(block)
        lines = b"".join(blocks)
        chunk = pack(self._with_rests(lines), self._chunks, self._first, last=last)
        try:
            _write_all(self._file, chunk)
        except OSError:
            self._waiting.extendleft(reversed(blocks))
            with suppress(OSError):
                self._file.truncate(self.size)
                self._file.seek(self.size)
            raise
        self._chunks += 1
        self._first += lines.count(b"\n")
        self._flushed += length
        self.size += len(chunk)
        return len(blocks)

    def _with_rests(self, lines: bytes) -> Iterator[bytes]:
        """Yield lines in small pieces: whoever shares the processor gets it back after each, unless it is urgent.

        A scheduler that has to take it away lets a thread work for milliseconds first: a load would stand still.
        """
        for start in range(0, len(lines), _PIECE_BYTES):
            if start and self._rests and self.waiting < _MUCH_BYTES:
                time.sleep(_REST_S)
            yield lines[start : start + _PIECE_BYTES]


def unwritable(path: Path, error: OSError) -> EnvironmentProblem:
    """Return what to tell the user of a file of the run that cannot be written."""
    return EnvironmentProblem(
        f"the history of the run cannot be written to {path}: {error.strerror or error}",
        "Free some space or make the folder writable, or name another one with --out.",
    )


def _write_all(file: BinaryIO, data: bytes) -> None:
    while data:
        data = data[file.write(data) or 0 :]
