"""What a run could not have seen: an answer that is the same for everybody cannot show whose it is."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from loadcheck.identity.population import Identity, Population, variables
from loadcheck.judge.likeness import filled
from loadcheck.oracle.expectation import Expectation, Expectations
from loadcheck.oracle.oracle import Asked, Oracle
from loadcheck.scenario.model import Scenario

_OF_THEIR_OWN: Final = 0.5  # at most this share of different answers among identities is worth a word
_FILLED: Final = 100  # identities of a mix whose expected JSON and headers are compared


def blindness(
    scenario: Scenario, population: Population, expectations: Expectations, oracle: Oracle
) -> tuple[str, ...]:
    """Return why no leak between two identities could have been seen; empty when one could."""
    requests = range(len(scenario.requests))
    if any(_tells_apart(request, population, expectations, oracle) for request in requests):
        return ()
    if not any(expectation.expects_rows for _, _, expectation in expectations):
        return ("no request expects an answer that differs from identity to identity, such as rows",)
    if not oracle.requests_with_rows:
        return ("every expected answer is empty, so there is no row to leak: fill the tables first",)
    return ("every identity expects the same rows, so no leak between two of them could be seen",)


def blind_spots(
    scenario: Scenario, population: Population, expectations: Expectations, oracle: Oracle
) -> Iterator[str]:
    """Yield, for each request that hardly tells identities apart, what a green run says little about."""
    for request, model in enumerate(scenario.requests):
        mixes = [mix for mix in range(len(population.ranges)) if expectations.get(request, mix) is not None]
        answers = [
            answer
            for mix in mixes
            for answer in _answers(request, expectations.of(request, mix), population.of_mix(mix), oracle)
        ]
        different = len(set(answers))
        if answers and different <= len(answers) * _OF_THEIR_OWN:
            yield (
                f"request {model.name!r}: {len(answers):,} identities expect {different:,} different answers; "
                "between those that expect the same, no leak can show"
            )
        if model.writes is None and not any(_shows_whose(expectations.of(request, mix)) for mix in mixes):
            yield f"request {model.name!r} compares nothing that tells whose answer came, such as rows"


def _shows_whose(expectation: Expectation) -> bool:
    written = expectation.written is not None
    return written or expectation.needs_truth or bool(expectation.json or expectation.headers)


def _tells_apart(request: int, population: Population, expectations: Expectations, oracle: Oracle) -> bool:
    different: set[object] = set()
    for mix in range(len(population.ranges)):
        expectation = expectations.get(request, mix)
        if expectation is None:
            continue
        if expectation.drawn and expectation.by_identity and request in oracle.requests_with_rows:
            return True
        if expectation.written is not None and len(population.of_mix(mix)) > 1:
            return True
        different.update(_answers(request, expectation, population.of_mix(mix), oracle))
        if len(different) > 1:
            return True
    return False


def _answers(
    request: int, expectation: Expectation, identities: Sequence[Identity], oracle: Oracle
) -> Iterator[object]:
    """Yield what tells answers apart, as far as it does not depend on what is drawn."""
    if expectation.needs_truth and not expectation.drawn:
        truths = (oracle.truth(Asked(request, identity.index)) for identity in identities)
        yield from ((truth.rows, truth.total) for truth in truths if truth is not None)
    if expectation.json or expectation.headers:
        yield from (filled(expectation, variables(identity, {})) for identity in islice(identities, _FILLED))
