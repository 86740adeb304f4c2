"""Sampling while the run goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from loadcheck.clock import Clock
from loadcheck.record.sampler import Sampler
from loadcheck.record.series import SeriesFile

_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """Writes a sample every second, and one for the rest at the end.

    Attributes:
        in_flight: Tells how many exchanges are sent and not yet done.
    """

    sampler: Sampler
    series: SeriesFile
    in_flight: Callable[[], int]
    clock: Clock

    async def run(self) -> None:
        """Sample until cancelled.

        Raises:
            EnvironmentProblem: a sample cannot be written.
        """
        began = self.clock.now()
        try:
            while True:
                await self.clock.sleep(_EVERY_S)
                self._sample(began)
        finally:
            self._sample(began)

    def _sample(self, began: float) -> None:
        self.series.add(self.sampler.sample(self.clock.now() - began, self.in_flight()))
