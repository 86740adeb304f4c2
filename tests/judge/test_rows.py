"""Rows: both directions, whole rows, order where it matters, and never a false alarm while data changes."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.judge.verdict import Ruling, Symptom
from tests.judge.cases import ORDERED, ROWS, Rows, body, exchange, expectation, reading, verdict

ROW = st.fixed_dictionaries({"id": st.integers(1, 9), "keeper": st.sampled_from("abc")})
SOME = st.lists(ROW, max_size=6)

MINE = [{"id": 1, "keeper": "a"}, {"id": 2, "keeper": "a"}]
THEIRS = [{"id": 3, "keeper": "b"}, {"id": 4, "keeper": "b"}]


def counted(rows: Rows) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(sorted(row.items())) for row in rows)


@given(SOME, st.randoms(use_true_random=False))
def test_the_right_rows_in_any_order_are_ok(rows: Rows, chance: random.Random) -> None:
    shuffled = chance.sample(rows, len(rows))
    assert verdict(exchange(body(shuffled)), ROWS, reading(rows)).ruling is Ruling.OK


@given(SOME, SOME)
def test_an_answer_is_ok_exactly_when_it_has_the_same_rows(expected: Rows, received: Rows) -> None:
    ruling = verdict(exchange(body(received)), ROWS, reading(expected)).ruling
    assert ruling is (Ruling.OK if counted(expected) == counted(received) else Ruling.VIOLATION)


@given(SOME, SOME)
def test_an_ordered_answer_is_ok_exactly_when_it_has_the_same_rows_ordered_alike(
    expected: Rows, received: Rows
) -> None:
    ruling = verdict(exchange(body(received)), ORDERED, reading(expected)).ruling
    alike = [row["id"] for row in expected] == [row["id"] for row in received]
    assert ruling is (Ruling.OK if alike and counted(expected) == counted(received) else Ruling.VIOLATION)


@given(SOME, st.randoms(use_true_random=False))
def test_rows_that_the_order_leaves_level_may_come_in_any_order(rows: Rows, chance: random.Random) -> None:
    expected = sorted(rows, key=lambda row: row["id"])
    received = sorted(chance.sample(rows, len(rows)), key=lambda row: row["id"])
    assert verdict(exchange(body(received)), ORDERED, reading(expected)).ruling is Ruling.OK


def test_rows_that_do_not_show_what_they_are_ordered_by_are_not_judged_by_their_order() -> None:
    hidden = expectation({"rows": "SELECT 1"}, "/pets?select=id,keeper&order=born.desc.nullslast,id")
    answer = verdict(exchange(body(MINE[::-1])), hidden, reading(MINE))
    assert answer.ruling is Ruling.UNKNOWN
    assert "order=" in answer.reason


@given(SOME, SOME, SOME)
def test_what_is_right_by_either_reading_is_ok(before: Rows, after: Rows, others: Rows) -> None:
    for received in (before, after):
        answer = verdict(exchange(body(received)), ROWS, reading(before), reading(after), [others])
        assert answer.ruling is Ruling.OK


@given(SOME, SOME, SOME)
def test_while_data_changes_only_rows_of_somebody_else_are_a_violation(
    before: Rows, after: Rows, received: Rows
) -> None:
    mine = counted(before) | counted(after)
    answer = verdict(exchange(body(received)), ROWS, reading(before), reading(after), [THEIRS])
    if answer.ruling is Ruling.VIOLATION:
        foreign = counted(received).keys() - mine.keys()
        assert counted(before) == counted(after) or foreign & counted(THEIRS).keys()


def symptom(received: Rows, expected: Rows = MINE, others: tuple[Rows, ...] = (THEIRS,)) -> tuple[str, int | None]:
    answer = verdict(exchange(body(received)), ORDERED, reading(expected), others=others)
    assert answer.ruling is Ruling.VIOLATION
    assert answer.reason
    return str(answer.symptom), answer.source


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (THEIRS, ("swapped", 1)),
        (THEIRS[:1], ("foreign-rows", 1)),
        (MINE + THEIRS[:1], ("foreign-rows", 1)),
        ([{"id": 9, "keeper": "x"}], ("foreign-rows", None)),
        ([], ("missing-rows", None)),
        (MINE[:1], ("missing-rows", None)),
        (MINE[::-1], ("wrong-order", None)),
        ([{"id": 1, "keeper": "z"}, MINE[1]], ("altered-rows", None)),
        ([{"count": 4}], ("wrong-exchange", None)),
    ],
)
def test_symptoms_of_wrong_rows(received: Rows, expected: tuple[str, int | None]) -> None:
    assert symptom(received) == expected


def test_a_row_twice_is_told_as_a_row_too_many_not_as_somebody_elses() -> None:
    assert symptom(MINE + MINE[:1]) == ("altered-rows", None)


def test_a_claimless_caller_who_gets_rows_is_told_whose_they_are() -> None:
    assert symptom(THEIRS, expected=[]) == ("swapped", 1)


def test_the_evidence_holds_what_was_expected_and_what_came() -> None:
    answer = verdict(exchange(body(MINE[:1] + THEIRS[:1])), ORDERED, reading(MINE), others=[THEIRS])
    assert answer.evidence.wrong == ('{"id": 3, "keeper": "b"}',)
    assert answer.evidence.missing == ('{"id": 2, "keeper": "a"}',)
    assert (answer.evidence.expected_count, answer.evidence.received_count) == (2, 2)


def test_an_answer_cut_by_max_rows_is_told_as_such() -> None:
    answer = verdict(exchange(body(MINE[:1])), ORDERED, reading(MINE))
    assert answer.symptom is Symptom.MISSING_ROWS
    assert "db-max-rows" in answer.reason
