"""What a run could not have seen: an answer that is the same for everybody cannot show whose it is."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

from loadcheck.identity.population import Identity, Population, bindings, variables
from loadcheck.judge.likeness import filled
from loadcheck.oracle.expectation import Expectation, Expectations
from loadcheck.oracle.oracle import Asked, Oracle
from loadcheck.scenario.binding import CLAIMS
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
            yield f"request {model.name!r}: {_likeness(len(answers), different)}"
        if model.writes is None and not any(_shows_whose(expectations.of(request, mix)) for mix in mixes):
            yield f"request {model.name!r} compares nothing that tells whose answer came, such as rows"


def _likeness(identities: int, different: int) -> str:
    if different == 1:
        return f"all {identities:,} identities expect the same answer; no leak can show"
    return (
        f"{identities:,} identities expect {different:,} different answers; "
        "between those that expect the same, no leak can show"
    )


def _shows_whose(expectation: Expectation) -> bool:
    written = expectation.written is not None
    return written or expectation.needs_truth or bool(expectation.json or expectation.headers)


def _tells_apart(request: int, population: Population, expectations: Expectations, oracle: Oracle) -> bool:
    first: dict[str, object] = {}
    for mix in range(len(population.ranges)):
        expectation = expectations.get(request, mix)
        if expectation is None:
            continue
        if expectation.written is not None and len(population.of_mix(mix)) > 1:
            return True
        identities = population.of_mix(mix)
        asked = _asked(expectation, identities) if request in oracle.requests_with_rows else ()
        for part, answer in chain(asked, _answers(request, expectation, identities, oracle)):
            if first.setdefault(part, answer) != answer:
                return True
    return False


def _asked(expectation: Expectation, identities: Sequence[Identity]) -> Iterator[tuple[str, object]]:
    """Yield by what of its own each identity's truth is asked for, where it depends on what is drawn, too."""
    query = expectation.query
    if query is None or not (expectation.drawn and expectation.by_identity):
        return
    own = [CLAIMS] if query.as_identity else sorted(set(query.names) - expectation.drawn)
    for identity in identities:
        bound = bindings(identity, {})
        yield "drawn", (expectation.loc, *map(bound.get, own))


def _answers(
    request: int, expectation: Expectation, identities: Sequence[Identity], oracle: Oracle
) -> Iterator[tuple[str, object]]:
    """Yield parts of answers, by which they are told apart, as far as it does not depend on what is drawn."""
    if expectation.needs_truth and not expectation.drawn:
        truths = (oracle.truth(Asked(request, identity.index)) for identity in identities)
        yield from (("truth", (truth.rows, truth.total)) for truth in truths if truth is not None)
    if expectation.json or expectation.headers:
        some = islice(identities, _FILLED)
        yield from (("filled", filled(expectation, variables(identity, {}))) for identity in some)
