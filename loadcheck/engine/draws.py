"""The sequence of inputs: which identity sends which request with which values, fixed by the seed alone."""

from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate, count
from random import Random
from typing import Generic, TypeVar
from uuid import UUID

from loadcheck.engine.events import Draw
from loadcheck.engine.randomness import source
from loadcheck.errors import UsageProblem
from loadcheck.identity.population import Identity
from loadcheck.scenario.model import Choice, IntRange, Request, Scalar, Scenario, Variable

T = TypeVar("T")

Values = Mapping[str, Callable[[], Scalar]]


class Draws(Iterator[Draw]):
    """An endless iterator of draws: a pure function of scenario, identities and seed.

    A claim mix is drawn by weight, then by weight one of the requests that apply to it. Within a mix every
    identity has its turn before one comes again. Each purpose has its own source of randomness, so that one
    variable more in one request changes no other choice.

    Args:
        scenario: The weights, the requests and their variables.
        population: Who takes part: all identities of the run, or a share of them.
        seed: The run's seed.

    Raises:
        UsageProblem: nobody has anything to send.
    """

    def __init__(self, scenario: Scenario, population: Iterable[Identity], seed: int) -> None:
        self._values = [tuple(drawn_values(request, seed).values()) for request in scenario.requests]
        turns = _turns(scenario, population, seed)
        requests = {mix: _requests(scenario, mix, seed) for mix in turns}
        weights = {mix: scenario.identities[mix].weight for mix in turns if requests[mix].total > 0}
        self._mixes = _Weighted(weights, source(seed, "mix"))
        if self._mixes.total <= 0:
            raise UsageProblem(
                f"scenario {scenario.name}: no identity has a request to send",
                "Give a claim mix that makes identities, and a request that applies to it, a weight above 0.",
            )
        self._turns = turns
        self._requests = requests
        self._seq = count()

    def __next__(self) -> Draw:
        """Return the next draw of the sequence."""
        mix = self._mixes.draw()
        request = self._requests[mix].draw()
        values = tuple([value() for value in self._values[request]])
        return Draw(next(self._seq), request, self._turns[mix].draw(), values)


class _Weighted(Generic[T]):
    """Draws one of several by weight."""

    def __init__(self, weights: dict[T, float], chance: Random) -> None:
        self._items = [item for item, weight in weights.items() if weight > 0]
        self._edges = list(accumulate(weights[item] for item in self._items))
        # A product with a number just below 1 may round up to the last edge, so the last item is the limit.
        self._last = len(self._items) - 1
        self._random = chance.random
        self.total = self._edges[-1] if self._edges else 0.0

    def draw(self) -> T:
        return self._items[bisect(self._edges, self._random() * self.total, 0, self._last)]


class _Turns:
    """Draws each member once, in a random order, before it draws one again: a shuffle made one step a draw."""

    def __init__(self, members: list[int], chance: Random) -> None:
        self._members = members
        self._below = chance.randrange
        self._at = 0

    def draw(self) -> int:
        members, at = self._members, self._at
        chosen = self._below(at, len(members))
        members[at], members[chosen] = members[chosen], members[at]
        self._at = (at + 1) % len(members)
        return members[at]


def _turns(scenario: Scenario, population: Iterable[Identity], seed: int) -> dict[int, _Turns]:
    """Return, by claim mix, whose turn it is."""
    members: dict[int, list[int]] = {}
    for identity in population:
        members.setdefault(identity.mix, []).append(identity.index)
    names = [mix.name for mix in scenario.identities]
    return {mix: _Turns(members[mix], source(seed, "identity", names[mix])) for mix in sorted(members)}


def _requests(scenario: Scenario, mix: int, seed: int) -> _Weighted[int]:
    """Return the choice among the requests which apply to a claim mix."""
    sender = scenario.identities[mix]
    weights = {
        index: request.weight for index, request in enumerate(scenario.requests) if scenario.applies(request, sender)
    }
    return _Weighted(weights, source(seed, "request", sender.name))


def drawn_values(request: Request, seed: int) -> Values:
    """Return how each variable of a request is drawn, by its name and in the scenario's order."""
    return {
        name: _value(variable, source(seed, "value", request.name, name)) for name, variable in request.vars.items()
    }


def _value(variable: Variable, chance: Random) -> Callable[[], Scalar]:
    if isinstance(variable, IntRange):
        first, last = variable.int_
        return lambda: chance.randrange(first, last + 1)
    if isinstance(variable, Choice):
        return lambda: chance.choice(variable.choice)
    return lambda: str(UUID(int=chance.getrandbits(128), version=4))
