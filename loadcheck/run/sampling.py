"""Sampling while the run goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from loadcheck.clock import Clock
from loadcheck.judge.outcome import Worst
from loadcheck.record.sampler import Sampler
from loadcheck.record.series import SeriesFile
from loadcheck.record.windows import Windows

_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """Writes a sample every second, and one for the rest at the end.

    Attributes:
        in_flight: Tells how many exchanges are sent and not yet done.
        windows: Measures the thresholds that must hold in windows.
        elapsed: Tells the seconds since the first phase began.
        broken: Told of each of these thresholds that no longer holds: its name, and the window.
    """

    sampler: Sampler
    series: SeriesFile
    in_flight: Callable[[], int]
    clock: Clock
    windows: Windows
    elapsed: Callable[[], float]
    broken: Callable[[str, Worst], None]

    async def run(self) -> None:
        """Sample until cancelled.

        Raises:
            EnvironmentProblem: a sample cannot be written.
        """
        began = self.clock.now()
        try:
            while True:
                await self.clock.sleep(_EVERY_S)
                self.sample(began)
        finally:
            self.sample(began)

    def sample(self, began: float) -> None:
        """Write a sample of what happened since the last one.

        Args:
            began: When sampling began, by the clock.

        Raises:
            EnvironmentProblem: it cannot be written.
        """
        self.series.add(self.sampler.sample(self.clock.now() - began, self.in_flight()))
        for name, worst in self.windows.look(self.elapsed()).items():
            self.broken(name, worst)
