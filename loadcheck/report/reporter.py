"""What a run tells as it goes, and to whom."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from loadcheck.judge.findings import Finding
from loadcheck.record.tally import Tally


@dataclass(frozen=True, slots=True)
class Gauges:
    """What a reporter reads beside the tally, whenever it wants and from a thread of its own.

    Attributes:
        now: Seconds since the run's start.
        in_flight: Exchanges sent and not yet done.
    """

    now: Callable[[], float]
    in_flight: Callable[[], int]


class Reporter(Protocol):
    """Shows a run on the terminal, from the tally a few times a second: it is not told of each exchange."""

    def step(self, text: str) -> None:
        """Tell of a step, before the run (`PostgreSQL 17 on 127.0.0.1:5433`) or during it (`stopping`)."""
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
