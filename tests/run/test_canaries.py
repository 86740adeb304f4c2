"""Canaries: the judge must flag a right answer that is held against somebody else's truth."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.events import Draw, Exchange
from loadcheck.judge.verdict import OK, Verdict
from loadcheck.oracle.expectation import Expectation
from loadcheck.run.judging import canaries as module
from loadcheck.run.judging.canaries import Canaries
from loadcheck.stack.stack import EmbeddedStack
from tests.judge.cases import ROWS, body, exchange, reading
from tests.run.test_run import SCENARIO, run


def offer(canaries: Canaries, identity: int, rows: Sequence[Any], mix: int = 0) -> None:
    asked = replace(exchange(body(rows)), draw=Draw(0, 0, identity))
    if canaries.wants((0, mix)):
        canaries.offer(asked, mix, ROWS, reading(rows).truth, {})


def test_each_claim_mix_has_one_as_soon_as_another_right_answer_differs_and_some_later() -> None:
    canaries = Canaries(1, 4)
    for identity in range(450):
        offer(canaries, identity, [{"id": identity}], mix=identity % 2)
    assert canaries.planted == {0: 4}
    assert not canaries.passed


def test_where_everybody_expects_the_same_none_can_be_planted() -> None:
    canaries = Canaries(1, 4)
    for identity in range(450):
        offer(canaries, identity, [{"id": 1}])
    assert not canaries.planted.total()


def test_nobody_is_held_against_an_answer_of_its_own() -> None:
    canaries = Canaries(1, 4)
    for value in range(450):
        offer(canaries, 1, [{"id": value}])
    assert not canaries.planted.total()


@given(st.lists(st.tuples(st.integers(0, 5), st.lists(st.integers(0, 2), max_size=3)), max_size=40))
def test_a_judge_that_looks_catches_every_one(answers: list[tuple[int, list[int]]]) -> None:
    """Rows in another order are the same rows where order does not matter: no canary of those."""
    canaries = Canaries(1, 4)
    for identity, ids in answers:
        offer(canaries, identity, [{"id": one} for one in ids], mix=len(ids))
    assert not canaries.passed


def blind(_exchange: Exchange, _expectation: Expectation, *_: object) -> Verdict:
    return OK


TWO = (
    SCENARIO
    + """
  - name: drawn
    get: /pets?id=eq.{id}&select=keeper
    vars: {id: {int: [1, 160]}}
    expect: {rows: "SELECT keeper FROM pets WHERE id = :id::int AND keeper = :user_type"}
  - {name: same for all, get: /pets?limit=0, expect: {rows: []}}
"""
)


async def test_every_request_whose_answers_differ_has_canaries_and_others_are_told(
    pets_stack: EmbeddedStack, tmp_path: Path
) -> None:
    ended, _ = await run(pets_stack, tmp_path, "{name: few, concurrency: 4, requests: 600}", scenario=TWO)
    canaries = ended.summary["canaries"]
    assert canaries["caught"] == canaries["planted"]
    planted = {name: each["planted"] for name, each in canaries["requests"].items()}
    assert planted["same for all"] == 0 < min(planted["list"], planted["drawn"])
    told = "\n".join(ended.summary["blind_spots"])
    assert "request 'same for all' had no canary" in told
    assert told.count("had no canary") == 1
    assert ended.summary["exit_code"] == 0


async def test_one_that_a_blind_judge_takes_for_right_makes_the_run_inconclusive_and_names_its_request(
    pets_stack: EmbeddedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "judge", blind)
    ended, _ = await run(pets_stack, tmp_path, "{name: few, concurrency: 4, requests: 60}")
    assert ended.summary["exit_code"] == 2
    assert "request 'list' is blind" in "\n".join(ended.summary["reasons"])
    assert ended.summary["canaries"]["requests"]["list"] == {"planted": 1, "caught": 0}
