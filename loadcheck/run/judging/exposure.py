"""Exposure: which answers would show that their backend had been somebody else's just before."""

from collections.abc import Sequence
from typing import Any, Final

from loadcheck.engine.events import Draw
from loadcheck.identity.population import Identity, Population, variables
from loadcheck.judge.likeness import told_apart
from loadcheck.oracle.expectation import Expectation, Expectations
from loadcheck.oracle.oracle import Asked, Oracle
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.placeholders import value_names

_REFUSED: Final = 400


class Exposure:
    """Tells the answers that a leak would change from those that are the same for both.

    Args:
        scenario: The scenario.
        population: Its identities.
        expectations: What it expects of them.
        oracle: Knows their truths.

    Attributes:
        telling: For each request, whether its answers tell whose they are.
    """

    def __init__(self, scenario: Scenario, population: Population, expectations: Expectations, oracle: Oracle) -> None:
        self._mixes = [identity.mix for identity in population]
        self._population = population
        self._expectations = expectations
        self._oracle = oracle
        self._own = {
            (request, mix): sorted(
                own_names(expectation) - scenario.requests[request].vars.keys() | _owner_names(scenario, expectation)
            )
            for request, mix, expectation in expectations
        }
        self.telling = self._telling(scenario)

    def exposes(self, draw: Draw, source: int) -> bool:
        """Whether an answer to this draw would show that its backend had just been the source's.

        Where the source's own answer is not known, only an answer with rows is taken to show it.
        """
        my_mix, their_mix = self._mixes[draw.identity], self._mixes[source]
        mine = self._expectations.of(draw.request, my_mix)
        theirs = mine if their_mix == my_mix else self._expectations.get(draw.request, their_mix)
        if theirs is not mine and theirs is not None and refusal(mine) != refusal(theirs):
            return True
        if mine.needs_truth and self._truths_differ(draw, source, mine, theirs):
            return True
        own = self._own[draw.request, my_mix]
        return bool(own) and _values(self._population[draw.identity], own) != _values(self._population[source], own)

    def _truths_differ(self, draw: Draw, source: int, mine: Expectation, theirs: Expectation | None) -> bool:
        truth = self._oracle.truth(draw)
        if truth is None:
            return False
        asked = Asked(draw.request, source, draw.values)
        other = None if theirs is None or not theirs.needs_truth else self._oracle.truth(asked)
        if other is None:
            return mine.by_identity and bool(truth.rows)
        return told_apart(mine, truth, other)

    def _telling(self, scenario: Scenario) -> Sequence[bool]:
        told = {
            request
            for request, mix, expectation in self._expectations
            if scenario.identities[mix].weight and (expectation.needs_truth or self._own[request, mix])
        }
        return [index in told and bool(request.weight) for index, request in enumerate(scenario.requests)]


def own_names(expectation: Expectation) -> frozenset[str]:
    """Return the names of what expected headers and JSON take from the exchange."""
    headers = [template.names for _, template in expectation.headers if template is not None]
    return value_names(list(expectation.json)).union(*headers)


def _owner_names(scenario: Scenario, expectation: Expectation) -> frozenset[str]:
    """Return the names on which it depends whose rows are expected of those that the run writes."""
    if expectation.written is None:
        return frozenset()
    return value_names(dict(scenario.tables[expectation.written.table].owner))


def refusal(expectation: Expectation) -> str | None:
    """Return by what it must be refused, a code or a status; None where it must not."""
    first = min(expectation.statuses)
    return (expectation.error or str(first)) if first >= _REFUSED else None


def _values(identity: Identity, names: Sequence[str]) -> list[Any]:
    values = variables(identity, {})
    return [values.get(name) for name in names]
