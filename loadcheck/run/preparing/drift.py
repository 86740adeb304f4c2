"""Drift: expected answers that changed while a run went on, because others, or the run itself, wrote. Never a leak."""

from collections.abc import Iterator
from dataclasses import dataclass

from loadcheck.clock import Clock
from loadcheck.record.stored import StoredDrift
from loadcheck.scenario.model import Scenario


@dataclass(slots=True)
class _Changed:
    count: int
    first: float
    last: float


class Drift:
    """Counts the expected answers that were found changed when they were read again.

    Args:
        clock: The run's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed: dict[int, _Changed] = {}

    def changed(self, request: int) -> None:
        """Count one expected answer of a request."""
        now = self._clock.now()
        known = self._changed.setdefault(request, _Changed(0, now, now))
        known.count += 1
        known.last = now

    @property
    def count(self) -> int:
        """How many changes were found so far."""
        return sum(changed.count for changed in self._changed.values())

    def told(self, scenario: Scenario, began: float) -> Iterator[StoredDrift]:
        """Yield what changed, by request.

        Args:
            scenario: The scenario.
            began: When the run began, by the clock.
        """
        for request, changed in sorted(self._changed.items()):
            yield {
                "request": scenario.requests[request].name,
                "changed": changed.count,
                "first_s": round(changed.first - began, 3),
                "last_s": round(changed.last - began, 3),
            }
