"""Canaries: now and then a right answer is judged by another identity's truth, on purpose. The judge must flag it.

One that passes shows a request whose answers are not really looked at, so that a green run says nothing about it.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from loadcheck.engine.events import Exchange
from loadcheck.judge.judge import Dispute, judge
from loadcheck.judge.verdict import Ruling
from loadcheck.oracle.expectation import Expectation
from loadcheck.oracle.oracle import Oracle
from loadcheck.oracle.truth import Truth
from loadcheck.scenario.model import TokenKind

_EVERY: Final = 200


class Canaries:
    """Plants a canary for the first right answer of each request, and for every 200th after it.

    Args:
        oracle: Knows the other identities' truths.

    Attributes:
        planted: How many were judged.
        passed: Those that the judge took for right, by the index of their request.
    """

    def __init__(self, oracle: Oracle) -> None:
        self.planted = 0
        self.passed: Counter[int] = Counter()
        self._oracle = oracle
        self._seen: Counter[int] = Counter()

    @property
    def caught(self) -> int:
        """How many the judge flagged."""
        return self.planted - self.passed.total()

    def offer(
        self, exchange: Exchange, expectation: Expectation, truth: Truth | None, variables: Mapping[str, Any]
    ) -> None:
        """Plant one with this right answer, if it is time and another identity's truth differs."""
        request = exchange.draw.request
        if truth is None or not expectation.needs_truth:
            return
        self._seen[request] += 1
        other = self._oracle.another(exchange.draw, truth) if self._seen[request] % _EVERY == 1 else None
        if other is None:
            return
        self.planted += 1
        verdict = judge(exchange, expectation, TokenKind.VALID, other, variables)
        if not isinstance(verdict, Dispute) and verdict.ruling is Ruling.OK:
            self.passed[request] += 1
