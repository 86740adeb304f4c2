"""Reading a history back, also one whose end is missing or whose middle is damaged."""

from collections.abc import Iterator, Sequence
from heapq import merge
from pathlib import Path
from typing import Any

import orjson

from loadcheck.record.folder import RunFolder
from loadcheck.record.stored_chunks import Damage, StoredChunks, StoredFiles


class StoredHistory:
    """The exchanges of a stored run, in the order in which they ended.

    Args:
        paths: The run's file, and one for each of its workers.
    """

    def __init__(self, *paths: Path) -> None:
        self._stored = StoredFiles([StoredChunks(path) for path in paths])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each exchange that is whole.

        Raises:
            UsageProblem: the file cannot be read, or is no history.
        """
        files = [(orjson.loads(line) for line in chunks) for chunks in self._stored.files]
        return files[0] if len(files) == 1 else merge(*files, key=_done)

    @property
    def cut(self) -> bool:
        """Once all were read: whether the end is missing, as after a kill."""
        return self._stored.cut

    @property
    def damages(self) -> Sequence[Damage]:
        """Once all were read: what could not be, in order."""
        return self._stored.damages


def _done(line: dict[str, Any]) -> float:
    return float(line["t"] + line["service_ms"] / 1000)


def read_history(path: Path) -> StoredHistory:
    """Return the exchanges stored in a run's `history.ndjson.gz`, read as they are iterated."""
    folder = RunFolder(path.parent)
    return StoredHistory(path, *(each.history for each in folder.workers))
