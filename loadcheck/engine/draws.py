"""The sequence of inputs: which identity sends which request with which values, fixed by the seed alone."""

from collections.abc import Iterable, Iterator, Mapping

from loadcheck.engine.events import Draw
from loadcheck.engine.hunting import REPEATS, Hunts
from loadcheck.engine.randomness import source
from loadcheck.engine.turns import Turns, Weighted
from loadcheck.engine.values import draw_all, drawn_values
from loadcheck.errors import UsageProblem
from loadcheck.identity.population import Identity
from loadcheck.scenario.model import Scenario


class Draws(Iterator[Draw]):
    """An endless iterator of draws: a pure function of scenario, identities and seed.

    By weight, a claim mix is drawn, then one of the requests that apply to it. Within a mix every identity has its
    turn before one comes again. Each purpose has its own source of randomness, so that one variable more in one
    request changes no other choice.

    Hunts come in between, the first of them first, for as large a share as the scenario gives them. Without them
    the rest is the same.

    Args:
        scenario: The weights, the requests and their variables.
        population: Who takes part: all identities of the run, or a share of them.
        seed: The run's seed.

    Raises:
        UsageProblem: nobody has anything to send.
    """

    def __init__(self, scenario: Scenario, population: Iterable[Identity], seed: int) -> None:
        members = _members(population)
        names = [mix.name for mix in scenario.identities]
        self._values = [drawn_values(request, seed) for request in scenario.requests]
        self._turns = {mix: Turns(members[mix], source(seed, "identity", names[mix])) for mix in members}
        weights = {mix: _weights(scenario, mix) for mix in members}
        self._requests = {mix: Weighted(weights[mix], source(seed, "request", names[mix])) for mix in members}
        mixes = {mix: scenario.identities[mix].weight for mix in members if self._requests[mix].total > 0}
        self._mixes = Weighted(mixes, source(seed, "mix"))
        if self._mixes.total <= 0:
            raise UsageProblem(
                f"scenario {scenario.name}: no identity has a request to send",
                "Give a claim mix that makes identities, and a request that applies to it, a weight above 0.",
            )
        self._hunts = Hunts(scenario, members, _shares(mixes, weights), seed)
        self._share = scenario.hunt.share if self._hunts else 0.0
        self._hunt: Iterator[Draw] = iter(())
        self._hunted = 0
        self._seq = 0

    def __next__(self) -> Draw:
        """Return the next draw of the sequence."""
        draw = next(self._hunt, None) or self._next_hunted() or self._by_weight()
        self._seq += 1
        return draw

    def _next_hunted(self) -> Draw | None:
        """Return the first draw of a hunt, if it is time for one."""
        if not self._share or self._hunted > self._share * self._seq:
            return None
        self._hunted += REPEATS
        self._hunt = self._hunts.hunt(self._seq)
        return next(self._hunt)

    def _by_weight(self) -> Draw:
        mix = self._mixes.draw()
        request = self._requests[mix].draw()
        values = draw_all(self._values[request])
        return Draw(self._seq, request, self._turns[mix].draw(), values)


def _members(population: Iterable[Identity]) -> dict[int, list[int]]:
    """Return the indexes of the identities of each claim mix, in the scenario's order."""
    members: dict[int, list[int]] = {}
    for identity in population:
        members.setdefault(identity.mix, []).append(identity.index)
    return dict(sorted(members.items()))


def _weights(scenario: Scenario, mix: int) -> dict[int, float]:
    """Return the weights of the requests which apply to a claim mix."""
    sender = scenario.identities[mix]
    return {
        index: request.weight for index, request in enumerate(scenario.requests) if scenario.applies(request, sender)
    }


def _shares(mixes: Mapping[int, float], weights: Mapping[int, Mapping[int, float]]) -> dict[int, float]:
    """Return which part of the traffic each request is."""
    shares: dict[int, float] = {}
    for mix, weight in mixes.items():
        total = sum(weights[mix].values())
        for request, part in weights[mix].items():
            shares[request] = shares.get(request, 0.0) + weight * part / total
    return shares
