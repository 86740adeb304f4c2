"""The sequence of inputs of phases that list their exchanges."""

from collections.abc import Iterator
from itertools import chain, count, repeat

from loadcheck.engine.events import Draw
from loadcheck.engine.values import Values, drawn_values
from loadcheck.identity.population import Population
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.phase import Phase, Planned


def planned(scenario: Scenario, population: Population, seed: int) -> Iterator[Draw]:
    """Return the draws as the phases list them, over and over again; only variables left out are drawn.

    Args:
        scenario: Its phases all list their exchanges.
        population: The identities.
        seed: The run's seed.

    Raises:
        UsageProblem: an exchange names an identity that is not there.
    """
    listed = [one for phase in scenario.load for one in phase.exchanges]
    senders = {one.identity: population.find(one.identity).index for one in listed}
    requests = {request.name: index for index, request in enumerate(scenario.requests)}
    values = {request.name: drawn_values(request, seed) for request in scenario.requests}
    return (
        Draw(seq, requests[one.request], senders[one.identity], _filled(one, values[one.request]))
        for seq, one in zip(count(), _endless(scenario.load), strict=False)
    )


def _endless(phases: list[Phase]) -> Iterator[Planned]:
    while True:
        for phase in phases:
            yield from chain.from_iterable(repeat(phase.exchanges, phase.repeat))


def _filled(one: Planned, values: Values) -> tuple[Scalar, ...]:
    return tuple([one.vars[name] if name in one.vars else draw() for name, draw in values.items()])
