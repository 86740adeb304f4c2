"""Canaries: now and then a right answer is judged by another identity's truth, on purpose. The judge must flag it.

So are rows that the run has written: those of one owner, judged as if another one had found them among its own.

One that passes shows a request whose answers are not really looked at, so that a green run says nothing about it.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from loadcheck.engine.events import Exchange
from loadcheck.judge.judge import Dispute, judge
from loadcheck.judge.likeness import filled, told_apart
from loadcheck.judge.verdict import Ruling
from loadcheck.oracle.expectation import Expectation
from loadcheck.oracle.truth import Truth
from loadcheck.record.stored import StoredCanaries
from loadcheck.record.tally import Tally
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.model import Scenario

_EVERY: Final = 200
_KEPT: Final = 16  # right answers of a request, among which another identity's is looked for

Kind = tuple[int, int]
"""Request and claim mix, by index."""


@dataclass(slots=True)
class _Right:
    """What an answer was right by."""

    identity: int
    truth: Truth | None
    variables: Mapping[str, Any]


class Canaries:
    """Plants one for each request and claim mix as soon as another identity's right answer differs, and 1 in 200 later.

    Args:
        requests: How many requests the scenario has.
        mixes: How many claim mixes it has.

    Attributes:
        planted: How many were judged, by the index of their request.
        passed: Those that the judge took for right, likewise.
    """

    def __init__(self, requests: int, mixes: int) -> None:
        self.planted: Counter[int] = Counter()
        self.passed: Counter[int] = Counter()
        self._lately: defaultdict[int, deque[_Right]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self._in_vain: Counter[Kind] = Counter()
        self._unplanted = [[_EVERY] * mixes for _ in range(requests)]

    def due(self, kind: Kind) -> bool:
        """Count a right answer; return whether it is time for one."""
        request, mix = kind
        self._unplanted[request][mix] += 1
        return self._unplanted[request][mix] >= _EVERY

    def plant(self, kind: Kind, *, caught: bool) -> None:
        """Count one that was judged, and whether the judge flagged it."""
        request, mix = kind
        self._unplanted[request][mix] = self._in_vain[kind] = 0
        self.planted[request] += 1
        if not caught:
            self.passed[request] += 1

    def wants(self, kind: Kind) -> bool:
        """Count a right answer that is comparable; return whether it should be offered: to be planted, or held against.

        The rows of a run's own are counted by `due`, and no answer is counted for them a second time.
        """
        request, mix = kind
        counts = self._unplanted[request]
        counts[mix] = unplanted = counts[mix] + 1
        return unplanted >= _EVERY - _KEPT

    def offer(
        self,
        exchange: Exchange,
        mix: int,
        expectation: Expectation,
        truth: Truth | None,
        variables: Mapping[str, Any],
    ) -> None:
        """Plant one with this right answer that is wanted, if it is time and another identity's is known to differ.

        Args:
            exchange: The exchange with the answer.
            mix: The claim mix of its identity.
            expectation: What it must answer.
            truth: The truth by which it was right; None when none is needed.
            variables: Claims and variables by name, where headers or JSON are expected.
        """
        if truth is None and not variables:
            return
        request, identity = exchange.draw.request, exchange.draw.identity
        kind = request, mix
        due = self._unplanted[request][mix] >= _EVERY
        lately, mine = self._lately[request], _Right(identity, truth, variables)
        wrong = _wrong(expectation, mine, lately) if due else None
        if due and wrong is None and len(lately) == _KEPT:
            # All are alike: looking again is worth it once others have taken their places, and less so each time.
            self._in_vain[kind] += 1
            self._unplanted[request][mix] -= min(_KEPT * self._in_vain[kind], _EVERY)
        lately.append(mine)
        if wrong is not None:
            verdict = judge(exchange, expectation, TokenKind.VALID, wrong.truth, wrong.variables)
            self.plant(kind, caught=isinstance(verdict, Dispute) or verdict.ruling is not Ruling.OK)


def comparable(expectation: Expectation) -> bool:
    """Whether an answer can be held against another identity's truth, or what headers or JSON are for it."""
    return expectation.needs_truth or bool(expectation.headers or expectation.json)


def _wrong(expectation: Expectation, mine: _Right, lately: Iterable[_Right]) -> _Right | None:
    """Return mine with as much of another identity's as makes it wrong; None where all are alike."""
    others = (_mixed(expectation, mine, other) for other in lately if other.identity != mine.identity)
    return next((wrong for wrong in others if wrong is not None), None)


def _mixed(expectation: Expectation, mine: _Right, other: _Right) -> _Right | None:
    if mine.truth is not None and other.truth is not None and told_apart(expectation, mine.truth, other.truth):
        return replace(mine, truth=other.truth)
    both = mine.variables and other.variables
    if both and filled(expectation, mine.variables) != filled(expectation, other.variables):
        return replace(mine, variables=other.variables)
    return None


def told_canaries(scenario: Scenario, canaries: Canaries) -> StoredCanaries:
    """Return how many were planted and caught, in all and with each request."""
    planted, passed = canaries.planted, canaries.passed
    return {
        "planted": planted.total(),
        "caught": planted.total() - passed.total(),
        "requests": {
            request.name: {"planted": planted[index], "caught": planted[index] - passed[index]}
            for index, request in enumerate(scenario.requests)
        },
    }


def unproven(canaries: Canaries, tally: Tally, telling: Sequence[bool]) -> Iterator[str]:
    """Yield, for each request that had right answers and no canary though its answers tell whose they are, a sentence.

    Args:
        canaries: Those of the whole run.
        tally: What was counted.
        telling: For each request, whether its answers tell whose they are.
    """
    for index, (request, timed) in enumerate(zip(tally.scenario.requests, tally.requests, strict=True)):
        if telling[index] and timed.counts.ok and not canaries.planted[index]:
            yield (
                f"request {request.name!r} had no canary: of its right answers, no two of different identities "
                "differed, so nothing shows that a wrong one would be seen"
            )
