"""Stamped answers on their way from several workers to one coverage: a backend is handed between their identities."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count
from typing import Final

from loadcheck.record.coverage import Coverage, Use
from loadcheck.run.preparing.preparation import Prepared

_KEPT: Final = 200_000  # of one report; beyond, the oldest are left out, and coverage says less than there was


class Uses(Coverage):
    """Collects uses in place of counting them.

    Args:
        prepared: Knows the truths of drawn variables, which the run's own process does not.
    """

    def __init__(self, prepared: Prepared) -> None:
        super().__init__([], 0, lambda *_: False)
        self._expectations = prepared.expectations
        self._oracle = prepared.oracle
        self._collected: deque[tuple[int, Use]] = deque(maxlen=_KEPT)

    def add(self, pid: int, use: Use) -> None:
        """Collect one."""
        self._collected.append((pid, replace(use, shows=True) if self._shows(use) else use))

    def taken(self) -> Sequence[tuple[int, Use]]:
        """Return what was collected since the last time."""
        taken = list(self._collected)
        self._collected.clear()
        return taken

    def _shows(self, use: Use) -> bool:
        """Whether anybody else's answer would have been another one, as far as that is known of drawn variables."""
        expectation = self._expectations.of(use.draw.request, use.mix)
        if not (expectation.drawn and expectation.needs_truth and expectation.by_identity):
            return False
        truth = self._oracle.truth(use.draw)
        return truth is not None and bool(truth.rows)


class Confluence:
    """Counts the uses that workers collected in the order of their transactions.

    What one worker has reported up to some time is held back until the others have, too.

    Args:
        coverage: What counts them.
    """

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        self._held: list[tuple[int, int, int, Use]] = []
        self._order = count()

    def add(self, reported: Sequence[Sequence[tuple[int, Use]]]) -> None:
        """Take what each worker has collected since the last time."""
        for uses in reported:
            for pid, use in uses:
                heappush(self._held, (use.at, next(self._order), pid, use))
        self._count(min((max(use.at for _, use in uses) for uses in reported if uses), default=0))

    def close(self) -> None:
        """Count the rest."""
        self._count(None)

    def _count(self, until: int | None) -> None:
        while self._held and (until is None or self._held[0][0] <= until):
            _, _, pid, use = heappop(self._held)
            self._coverage.add(pid, use)
