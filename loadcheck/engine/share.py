"""A share of a run: what one of several workers takes of its identities, its callers and its schedule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from loadcheck.engine.events import Draw
from loadcheck.identity.population import Identity, Population
from loadcheck.scenario.phase import Phase


@dataclass(frozen=True, slots=True)
class Share:
    """The `index`-th of `of` equal shares: all of them together are the run, each part of it once.

    Attributes:
        index: From 0.
        of: How many there are.
    """

    index: int = 0
    of: int = 1

    def members(self, population: Population) -> Sequence[Identity]:
        """Return the identities of this share.

        A mix with too few of them to give every share two, one to follow the other, is in all shares: so each share
        has every kind, by the same weights.
        """
        return list(chain.from_iterable(self._members(population.of_mix(mix)) for mix in range(len(population.ranges))))

    def _members(self, mix: Sequence[Identity]) -> Sequence[Identity]:
        return mix[self.index :: self.of] if len(mix) >= 2 * self.of else mix

    def numbered(self, draws: Iterator[Draw]) -> Iterator[Draw]:
        """Return the draws with numbers that no other share gives."""
        if self.of == 1:
            return draws
        # Each part named: `replace` costs three times as much, and this is done for every exchange.
        of, index = self.of, self.index
        return (
            Draw(one.seq * of + index, one.request, one.identity, one.values, one.patience, one.pause, one.cold)
            for one in draws
        )

    def dealt(self, arrivals: Iterator[float]) -> Iterator[float]:
        """Return every `of`-th arrival: dealt out so, the arrivals of all shares are those of one schedule."""
        return islice(arrivals, self.index, None, self.of)

    def phases(self, load: Sequence[Phase]) -> Sequence[Phase]:
        """Return the phases with this share of their callers, and of what these send."""
        return load if self.of == 1 else [self._phase(phase) for phase in load]

    def _phase(self, phase: Phase) -> Phase:
        if phase.concurrency is None:
            return phase.model_copy(update={"max_in_flight": max(_part(phase.max_in_flight, self.index, self.of), 1)})
        calling = min(self.of, phase.concurrency)
        requests = None if phase.requests is None else _part(phase.requests, self.index, calling)
        return phase.model_copy(
            update={"concurrency": _part(phase.concurrency, self.index, self.of), "requests": requests}
        )


def _part(whole: int, index: int, of: int) -> int:
    """Return an equal part; the first ones get what is left over, and there is none beyond the last."""
    return whole // of + (index < whole % of) if index < of else 0


WHOLE: Final = Share()
