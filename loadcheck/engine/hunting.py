"""Hunting: inputs in the order that leaks hide behind.

A leak needs somebody before the victim, and mostly somebody of another kind. Traffic by weight seldom sends a rare
kind, and more seldom two of them one after the other. A hunt does it on purpose.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from loadcheck.engine.events import Draw
from loadcheck.engine.randomness import source
from loadcheck.engine.turns import Turns, Weighted
from loadcheck.engine.values import draw_all, drawn_values
from loadcheck.scenario.claim_mix import ClaimMix, TokenKind
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.request import Request

# PostgreSQL plans a prepared statement anew five times and may keep a plan for everybody from the sixth run on
# (plan_cache_mode in its manual). Two more runs for the answers of that plan to show.
REPEATS: Final = 8
_PATIENCE_S: Final = 0.02
_PAUSE_S: Final = 0.05
_READS: Final = frozenset({"GET", "HEAD"})
_REFUSED: Final = 401


class Hunts:
    """Makes hunts: one request, sent several times in a row, each time by another identity than the time before.

    Which request is drawn by its share of the traffic, so requests keep their shares. After each kind of identity
    every kind has its turn to follow, so that every pair comes in both orders; two kinds of which one has a claim
    that the other lacks follow each other twice as often. A read has the same variables throughout its hunt, so the
    URLs are the same; a write has its own each time, for it may not be possible twice. Some reads are given up, some
    are read late, and some hunts ask for fresh backends first.

    Args:
        scenario: What there is to hunt with.
        members: The identities of each claim mix, by their indexes.
        shares: Each request's share of the traffic.
        seed: The run's seed.
    """

    def __init__(
        self, scenario: Scenario, members: Mapping[int, Sequence[int]], shares: Mapping[int, float], seed: int
    ) -> None:
        self._scenario = scenario
        self._who = {
            mix: Turns(members[mix], source(seed, "hunt", "identity", scenario.identities[mix].name))
            for mix in members
            if scenario.identities[mix].weight > 0 and reaches_the_database(scenario.identities[mix])
        }
        walks = {request: self._walk(scenario.requests[request], seed) for request in shares}
        self._walks = {request: walk for request, walk in walks.items() if walk is not None}
        self._values = {request: drawn_values(scenario.requests[request], seed, "hunt") for request in self._walks}
        weights = {request: shares[request] for request in self._walks}
        self._requests = Weighted(weights, source(seed, "hunt", "request"))
        self._patience = source(seed, "hunt", "patience")
        self._pauses = source(seed, "hunt", "pause")
        self._colds = source(seed, "hunt", "cold")

    def __bool__(self) -> bool:
        """Whether there is anything to hunt with: a request that two identities send."""
        return self._requests.total > 0

    def hunt(self, start: int) -> Iterator[Draw]:
        """Return the draws of one hunt.

        Args:
            start: The position of the first of them in the run's sequence.
        """
        request = self._requests.draw()
        reads = self._scenario.requests[request].method in _READS
        walk, values = self._walks[request], self._values[request]
        drawn = draw_all(values)
        cold = self._colds.random() < self._scenario.hunt.cold
        for seq in range(start, start + REPEATS):
            patience, pause = (self._give_up_after(), self._pause()) if reads else (None, 0.0)
            yield Draw(seq, request, walk.next(), drawn, patience, pause, cold=cold and seq == start)
            drawn = drawn if reads else draw_all(values)

    def _walk(self, request: Request, seed: int) -> "_Walk | None":
        """Return the walk among those who send a request; None where nobody could follow anybody."""
        kinds = {mix: self._scenario.identities[mix] for mix in self._who}
        senders = {mix: kind for mix, kind in kinds.items() if self._scenario.applies(request, kind)}
        if sum(len(self._who[mix]) for mix in senders) < 2:  # noqa: PLR2004 -- it takes two
            return None
        after = {
            mix: Turns(
                list(self._followers(mix, senders)), source(seed, "hunt", "after", request.name, senders[mix].name)
            )
            for mix in senders
        }
        first = source(seed, "hunt", "first", request.name).choice(list(senders))
        return _Walk(self._who, after, first)

    def _followers(self, mix: int, senders: Mapping[int, ClaimMix]) -> Iterator[int]:
        for other, kind in senders.items():
            if other != mix or len(self._who[mix]) > 1:
                yield other
            if _claims(kind) != _claims(senders[mix]):
                yield other

    def _give_up_after(self) -> float | None:
        given_up = self._patience.random() < self._scenario.hunt.aborts
        return self._patience.uniform(0, _PATIENCE_S) if given_up else None

    def _pause(self) -> float:
        slow = self._pauses.random() < self._scenario.hunt.slow
        return self._pauses.uniform(0, _PAUSE_S) if slow else 0.0


class _Walk:
    """Goes from kind to kind, and to another identity with each step."""

    def __init__(self, who: Mapping[int, Turns[int]], after: Mapping[int, Turns[int]], first: int) -> None:
        self._who = who
        self._after = after
        self._mix = first
        self._last: int | None = None

    def next(self) -> int:
        """Return the next identity."""
        self._mix = self._after[self._mix].draw()
        identity = self._who[self._mix].draw()
        if identity == self._last:  # the last turn of one round, and the first of the next
            identity = self._who[self._mix].draw()
        self._last = identity
        return identity


def reaches_the_database(mix: ClaimMix) -> bool:
    """Whether PostgREST asks PostgreSQL for these: where the token is refused before, there is nothing to leak."""
    if mix.token is TokenKind.MISSING:
        return mix.expect is None or _REFUSED not in mix.expect.statuses
    return mix.token is TokenKind.VALID


def _claims(mix: ClaimMix) -> frozenset[str]:
    return frozenset() if mix.token is TokenKind.MISSING else frozenset(mix.claims)
