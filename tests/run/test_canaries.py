"""Canaries: the judge must flag a right answer that is held against somebody else's truth."""

import pytest

from loadcheck.engine.events import Exchange
from loadcheck.judge.verdict import OK, Verdict
from loadcheck.oracle.expectation import Expectation
from loadcheck.oracle.truth import Truth
from loadcheck.run import canaries as module
from loadcheck.run.canaries import Canaries
from tests.judge.cases import ROWS, body, exchange, reading

MINE, THEIRS = [{"id": 1}], [{"id": 2}]


class Neighbour:
    """An oracle that knows one other truth, or none."""

    def __init__(self, truth: Truth | None) -> None:
        self._truth = truth

    def another(self, _question: object, _truth: Truth) -> Truth | None:
        return self._truth


def offered(canaries: Canaries, times: int = 1) -> Canaries:
    for _ in range(times):
        canaries.offer(exchange(body(MINE)), ROWS, reading(MINE).truth, {})
    return canaries


def test_the_first_right_answer_of_a_request_and_some_later_ones_are_canaries() -> None:
    canaries = offered(Canaries(Neighbour(reading(THEIRS).truth)), times=450)  # type: ignore[arg-type]
    assert (canaries.planted, canaries.caught, canaries.passed.total()) == (3, 3, 0)


def test_where_everybody_expects_the_same_none_can_be_planted() -> None:
    canaries = offered(Canaries(Neighbour(None)))  # type: ignore[arg-type]
    assert (canaries.planted, canaries.caught) == (0, 0)


def test_one_that_a_blind_judge_takes_for_right_names_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(_exchange: Exchange, _expectation: Expectation, *_: object) -> Verdict:
        return OK

    monkeypatch.setattr(module, "judge", blind)
    canaries = offered(Canaries(Neighbour(reading(THEIRS).truth)))  # type: ignore[arg-type]
    assert (canaries.planted, canaries.caught) == (1, 0)
    assert dict(canaries.passed) == {0: 1}
