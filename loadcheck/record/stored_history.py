"""Reading a history back, also one whose end is missing."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from loadcheck.errors import UsageProblem

_CHUNK: Final = 64 * 1024
_GZIP: Final = 31  # zlib's code for a gzip file with the largest window


class StoredHistory:
    """The exchanges of a stored run, in the order in which they ended.

    Attributes:
        cut: Once all were read: whether the end of the file is missing or damaged, as after a kill. The lines
            before it are whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.cut = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.cut = False
        rest = b""
        for data in self._unpacked():
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                try:
                    yield orjson.loads(line)
                except orjson.JSONDecodeError:
                    self.cut = True
                    return
        self.cut = self.cut or bool(rest)

    def _unpacked(self) -> Iterator[bytes]:
        gzip = zlib.decompressobj(_GZIP)
        with _open(self._path) as file:
            while chunk := file.read(_CHUNK):
                try:
                    yield gzip.decompress(chunk)
                except zlib.error:
                    break
        self.cut = not gzip.eof


def read_history(path: Path) -> StoredHistory:
    """Return the exchanges stored in a run's `history.ndjson.gz`, read as they are iterated.

    Iterating raises UsageProblem when the file cannot be opened.
    """
    return StoredHistory(path)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageProblem(
            f"no history of a run can be read at {path}: {error.strerror or error}",
            "Name the folder of a run, such as one below reports/.",
        ) from None
