"""Reading a history back, also one whose end is missing or whose middle is damaged."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from loadcheck.record.folder import RunFolder
from loadcheck.record.stored_chunks import Damage, StoredChunks, StoredFiles

Line: TypeAlias = dict[str, Any]


class StoredHistory:
    """The exchanges of a stored run, in the order in which they ended.

    Args:
        paths: One file for each of the run's workers, and the run's own.
    """

    def __init__(self, *paths: Path) -> None:
        self._stored = StoredFiles([StoredChunks(path) for path in paths])

    def __iter__(self) -> Iterator[Line]:
        """Yield each exchange that is whole.

        Raises:
            UsageProblem: the file cannot be read, or is no history.
        """
        return (line for _, line, _ in self.with_audited([()] * len(self._stored.files)))

    def with_audited(self, audited: Sequence[Iterable[tuple[int, Line]]]) -> Iterator[tuple[int, Line, bool]]:
        """Yield each exchange that is whole, and in between what audits have found.

        Of each comes the number of its file before it, and whether it is of an audit after it.

        Args:
            audited: For each file, what was found beside it, and how many lines it had by then.

        Raises:
            UsageProblem: the file cannot be read, or is no history.
        """
        both = enumerate(zip(self._stored.files, audited, strict=True))
        files = [_in_between(number, map(orjson.loads, file), found) for number, (file, found) in both]
        return (told for _, told in merge(*files, key=itemgetter(0)))

    @property
    def cut(self) -> bool:
        """Once all were read: whether the end is missing, as after a kill."""
        return self._stored.cut

    @property
    def damages(self) -> Sequence[Damage]:
        """Once all were read: what could not be, in order."""
        return self._stored.damages


def _in_between(
    file: int, lines: Iterable[Line], audited: Iterable[tuple[int, Line]]
) -> Iterator[tuple[float, tuple[int, Line, bool]]]:
    """Yield lines and what audits have found, in their order, each with the time at which it comes."""
    waiting, done = deque(audited), 0.0
    for number, line in enumerate(lines):
        while waiting and waiting[0][0] <= number:
            yield done, (file, waiting.popleft()[1], True)
        done = float(line["t"] + line["service_ms"] / 1000)
        yield done, (file, line, False)
    for _, line in waiting:
        yield math.inf, (file, line, True)


def read_history(path: Path) -> StoredHistory:
    """Return the exchanges stored in a run's `history.ndjson.gz`, read as they are iterated."""
    folder = RunFolder(path.parent)
    return StoredHistory(*(each.history for each in folder.workers), path)
