"""Reading a history back, also one whose end is missing or whose middle is damaged."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from loadcheck.record.stored_chunks import Damage, StoredChunks


class StoredHistory:
    """The exchanges of a stored run, in the order in which they ended."""

    def __init__(self, path: Path) -> None:
        self._chunks = StoredChunks(path)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each exchange that is whole.

        Raises:
            UsageProblem: the file cannot be read, or is no history.
        """
        return (orjson.loads(line) for line in self._chunks)

    @property
    def cut(self) -> bool:
        """Once all were read: whether the end is missing, as after a kill."""
        return self._chunks.cut

    @property
    def damages(self) -> Sequence[Damage]:
        """Once all were read: what could not be, in order."""
        return self._chunks.damages


def read_history(path: Path) -> StoredHistory:
    """Return the exchanges stored in a run's `history.ndjson.gz`, read as they are iterated."""
    return StoredHistory(path)
