"""A share of a run: what one of several workers takes of its identities, its callers and its schedule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from loadcheck.engine.events import Draw
from loadcheck.engine.groups import Groups, dealt
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

    def members(self, population: Population, groups: Groups = ()) -> Sequence[Identity]:
        """Return the identities of this share.

        A mix with too few of them to give every share two, one to follow the other, is in all shares: so each share
        has every kind, by the same weights. Whoever is of a group is in one share only, and with the whole group.

        Args:
            population: All identities.
            groups: Those who must stay together.
        """
        bound = set(chain.from_iterable(groups))
        own = set(dealt(groups, population, self.of)[self.index])
        for mix in range(len(population.ranges)):
            own |= set(self._part([index for index in population.ranges[mix] if index not in bound]))
        return [identity for identity in population if identity.index in own]

    def _part(self, free: Sequence[int]) -> Sequence[int]:
        return free[self.index :: self.of] if len(free) >= 2 * self.of else free

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
