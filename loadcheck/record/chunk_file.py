"""A file of chunks while it is written."""

from pathlib import Path
from typing import BinaryIO, Final

from loadcheck.errors import EnvironmentProblem
from loadcheck.record.chunks import pack

_CHUNK_BYTES: Final = 1 << 20  # of lines, before they are compressed; every chunk is read as a whole


class ChunkFile:
    """Collects lines, and appends them to its file a chunk at a time.

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
        self._chunks = 0
        self._flushed = 0
        self._waiting: list[bytes] = []
        self._length = 0
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise unwritable(path, error) from None

    @property
    def full(self) -> bool:
        """Whether what waits is enough for a chunk."""
        return self._length >= _CHUNK_BYTES

    def add(self, line: bytes) -> None:
        """Add one line, given with its newline; it waits for the next flush."""
        self._waiting.append(line)
        self._length += len(line)
        self.lines += 1

    def flush(self) -> None:
        """Write what waits, so that it stays readable whatever happens to the process.

        Raises:
            OSError: it cannot be written.
        """
        if self._waiting:
            self._append(last=False)

    def close(self) -> None:
        """Write what waits, and that nothing more will come.

        Raises:
            OSError: it cannot be written.
        """
        with self._file:
            self._append(last=True)

    def abandon(self) -> None:
        """Close the file as it is: it cannot be written any more."""
        self._waiting.clear()
        self._file.close()

    def _append(self, *, last: bool) -> None:
        chunk = pack(b"".join(self._waiting), self._chunks, self._flushed, last=last)
        _write_all(self._file, chunk)
        self._waiting.clear()
        self._length = 0
        self._chunks += 1
        self._flushed = self.lines
        self.size += len(chunk)


def unwritable(path: Path, error: OSError) -> EnvironmentProblem:
    """Return what to tell the user of a file of the run that cannot be written."""
    return EnvironmentProblem(
        f"the history of the run cannot be written to {path}: {error.strerror or error}",
        "Free some space or make the folder writable, or name another one with --out.",
    )


def _write_all(file: BinaryIO, data: bytes) -> None:
    while data:
        data = data[file.write(data) or 0 :]
