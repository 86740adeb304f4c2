"""Sameness: which kinds of identities expect the same answers, so that no leak between them could show.

Worked out from the truths before anything is sent. What depends on drawn values, or on what the run writes, is left
out, and so are requests that compare nothing with anybody: they are blind spots whoever sends them.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, combinations_with_replacement
from typing import Final

from loadcheck.identity.population import Identity, variables
from loadcheck.oracle.expectation import Expectation
from loadcheck.oracle.oracle import Asked, Oracle
from loadcheck.oracle.rows import split
from loadcheck.record.stored import StoredAlike
from loadcheck.run.judging.exposure import own_names, refusal
from loadcheck.run.preparing.preparation import Prepared
from loadcheck.scenario.model import Scenario

_WORTH_A_WORD: Final = 0.1  # from this share of pairs on
_KEPT: Final = 500
_TOLD: Final = 3
_UNKNOWN: Final = "unknown"
_UNCOMPARED: Final = "not compared"
_EMPTY: Final = "empty"

Pair = tuple[int, int]
"""Two claim mixes, the first not above the second; twice the same for identities within one."""


class Why(StrEnum):
    """Why two identities cannot be told apart by a request."""

    NOTHING_COMPARED = "nothing is compared that tells whose the answer is"
    NO_ROWS = "no rows are expected"
    SAME_ANSWER = "the same answer is expected"


@dataclass(frozen=True, slots=True)
class Alike:
    """Identities of two kinds that expect the same.

    Attributes:
        request: Index into the scenario's requests; None where no request tells any two of them apart.
        pair: Their claim mixes.
        share: Of all pairs of such identities, the share that expects the same.
    """

    request: int | None
    pair: Pair
    share: float
    why: Why


def alike(prepared: Prepared) -> list[Alike]:
    """Return what is worth a word, the largest shares first."""
    requests = [index for index, request in enumerate(prepared.scenario.requests) if request.weight]
    found = {request: _of_request(prepared, request) for request in requests}
    everywhere = _everywhere(found)
    single = (
        one
        for told in found.values()
        for one in told.values()
        if one is not None and one.share >= _WORTH_A_WORD and one.pair not in everywhere and not _is_bare(told)
    )
    return sorted(chain(everywhere.values(), single), key=lambda one: (-one.share, one.pair))[:_KEPT]


def stored_alike(found: Iterable[Alike], scenario: Scenario) -> list[StoredAlike]:
    """Return what summary.json holds of it."""
    return [
        {
            "request": None if one.request is None else scenario.requests[one.request].name,
            "claim_mixes": [scenario.identities[mix].name for mix in one.pair],
            "share": round(one.share, 4),
            "why": str(one.why),
        }
        for one in found
    ]


def alike_sentences(found: Sequence[StoredAlike]) -> Iterator[str]:
    """Yield what to tell of the first few before the run begins."""
    for one in found[:_TOLD]:
        kinds = dict.fromkeys(one["claim_mixes"])
        who = " and ".join(map(repr, kinds)) if len(kinds) > 1 else f"two of {one['claim_mixes'][0]!r}"
        how_many = "" if one["share"] == 1 else f" in {one['share']:.0%} of the pairs".replace("%", " %")
        by = "any request" if one["request"] is None else f"request {one['request']!r}"
        yield f"cannot be told apart by {by}: {who}{how_many}, for {one['why']}"
    if found[_TOLD:]:
        yield f"and {len(found[_TOLD:]):,} more that cannot be told apart: see the report"


def _is_bare(told: Mapping[Pair, Alike | None]) -> bool:
    return all(one is not None and one.why is Why.NOTHING_COMPARED for one in told.values())


def _everywhere(found: Mapping[int, Mapping[Pair, Alike | None]]) -> dict[Pair, Alike]:
    """Return the pairs of kinds of which no request that both send tells any two identities apart."""
    by_pair: defaultdict[Pair, list[Alike | None]] = defaultdict(list)
    for told in found.values():
        for pair, one in told.items():
            by_pair[pair].append(one)
    return {
        pair: Alike(None, pair, 1.0, max((one.why for one in of_pair if one is not None), key=list(Why).index))
        for pair, of_pair in by_pair.items()
        if all(one is not None and one.share == 1 for one in of_pair)
    }


def _of_request(prepared: Prepared, request: int) -> dict[Pair, Alike | None]:
    """Return, for each two kinds that a request answers, how alike their answers are; None where that is not known."""
    answers = {
        mix: _answers(prepared, request, mix)
        for mix, template in enumerate(prepared.scenario.identities)
        if template.weight and prepared.population.ranges[mix] and _is_answered(prepared.expectations.get(request, mix))
    }
    return {
        (one, other): _compare(request, (one, other), answers[one], answers[other])
        for one, other in combinations_with_replacement(answers, 2)
        if (answers[one].total() > 1 if one == other else {*answers[one], *answers[other]} != {_EMPTY})
    }


def _is_answered(expectation: Expectation | None) -> bool:
    return expectation is not None and refusal(expectation) is None


def _compare(request: int, pair: Pair, mine: Counter[Hashable], theirs: Counter[Hashable]) -> Alike | None:
    if _UNKNOWN in mine or _UNKNOWN in theirs:
        return None
    if _UNCOMPARED in mine or _UNCOMPARED in theirs:
        return Alike(request, pair, 1.0, Why.NOTHING_COMPARED)
    within = pair[0] == pair[1]
    pairs = mine.total() * (theirs.total() - within)
    same = {answer: mine[answer] * (theirs[answer] - within) for answer in mine.keys() & theirs.keys()}
    empty = same.get(_EMPTY, 0) * 2 >= sum(same.values())
    return Alike(request, pair, sum(same.values()) / pairs, Why.NO_ROWS if empty else Why.SAME_ANSWER)


def _answers(prepared: Prepared, request: int, mix: int) -> Counter[Hashable]:
    """Return how many identities of a claim mix expect each answer."""
    expectation = prepared.expectations.of(request, mix)
    identities = prepared.population.of_mix(mix)
    own = sorted(own_names(expectation) - prepared.scenario.requests[request].vars.keys())
    if expectation.written is not None or (expectation.drawn and (expectation.by_identity or expectation.literal)):
        return Counter({_UNKNOWN: len(identities)})
    if not expectation.needs_truth and not own:
        return Counter({_UNCOMPARED: len(identities)})
    return Counter(_answer(prepared.oracle, request, expectation, identity, own) for identity in identities)


def _answer(oracle: Oracle, request: int, expectation: Expectation, identity: Identity, own: Sequence[str]) -> Hashable:
    """Return what two identities have in common exactly if they expect the same answer."""
    values = variables(identity, {}) if own else {}
    filled = tuple(repr(values.get(name)) for name in own)
    if expectation.drawn:
        return expectation.loc, filled
    truth = oracle.truth(Asked(request, identity.index)) if expectation.needs_truth else None
    rows, total = (b"", None) if truth is None else (truth.rows, truth.total)
    if not expectation.order:
        rows = b"".join(sorted(split(rows)))
    return (rows, total, filled) if rows or total or filled else _EMPTY
