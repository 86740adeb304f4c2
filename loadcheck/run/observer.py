"""Whoever shows a run to people while it goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from loadcheck.judge.findings import Finding
from loadcheck.record.generator import resident_mb
from loadcheck.record.span import Reached
from loadcheck.record.tally import Tally


@dataclass(frozen=True, slots=True)
class Gauges:
    """What an observer reads beside the tally, whenever it wants and from a thread of its own.

    Attributes:
        now: Seconds since the run's start.
        in_flight: Exchanges sent and not yet done.
        reached: The backends and handoffs of the run so far; None while no answer carried a stamp.
        memory: What loadcheck has now, in MB.
        faults: How many faults of the target are on.
    """

    now: Callable[[], float]
    in_flight: Callable[[], int]
    reached: Callable[[], Reached | None]
    memory: Callable[[], float] = resident_mb
    faults: Callable[[], int] = lambda: 0


class Observer(Protocol):
    """Told of a run as it goes on, and never of each exchange: it reads the tally a few times a second."""

    def step(self, text: str) -> None:
        """Tell of a step, before the load (`postgres 17.10 answers after 1.2 s`) or during it (`stopping`)."""
        ...

    def started(self, tally: Tally, gauges: Gauges) -> None:
        """Show from now on what the tally counts."""
        ...

    def finding(self, finding: Finding) -> None:
        """Tell of a new finding."""
        ...

    def finished(self) -> None:
        """Give the terminal back; harmless when nothing was started, and when called again."""
        ...
