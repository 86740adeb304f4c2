"""Recognising right answers by their bytes changes no verdict, ever."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.events import Draw, Exchange
from loadcheck.judge.judge import Dispute, judge
from loadcheck.judge.verdict import Ruling
from loadcheck.oracle.rows import digest
from loadcheck.oracle.truth import Truth
from loadcheck.run.judging import recognition as module
from loadcheck.run.judging.recognition import Recognition
from loadcheck.scenario.claim_mix import TokenKind
from tests.judge.cases import ROWS, body, exchange, expectation, reading

TRUTHS: list[Truth | None] = [reading([{"id": 1}]).truth, reading([{"id": 1}]).truth, reading([{"id": 2}]).truth, None]
BODIES = [body([{"id": 1}]), b'[ {"id": 1.0} ]', body([{"id": 2}]), b"[]", b"", digest(body([{"id": 1}]))]
Asked = tuple[int, Truth | None, bytes, int, str]
ASKED = st.tuples(
    st.integers(0, 2),
    st.sampled_from(TRUTHS),
    st.sampled_from(BODIES),
    st.sampled_from([200, 206, 404]),
    st.sampled_from(["0-0/*", "0-1/*", ""]),
)


def answered(identity: int, text: bytes, status: int = 200, stated: str = "") -> Exchange:
    headers = {"content-range": stated} if stated else {}
    made = exchange(text, status, None, **headers)
    return replace(made, draw=Draw(0, 0, identity))


@pytest.mark.parametrize("room", [0, 40, 10**6])
@given(st.lists(ASKED, max_size=30))
def test_what_is_known_is_what_the_judge_would_say(room: int, asked: list[Asked]) -> None:
    known = Recognition(1)
    known._bytes = room
    for identity, truth, text, status, stated in asked:
        one = answered(identity, text, status, stated)
        verdict = judge(one, ROWS, TokenKind.VALID, truth, {})
        right = not isinstance(verdict, Dispute) and verdict.ruling is Ruling.OK
        if known.knows(one, truth):
            assert right
        elif right:
            known.remember(one, ROWS, truth)
            assert known.knows(one, truth)


def test_it_holds_for_the_very_truth_and_the_very_identity_only() -> None:
    known, one = Recognition(1), answered(0, BODIES[0])
    known.remember(one, ROWS, TRUTHS[0])
    assert known.knows(one, TRUTHS[0])
    assert not known.knows(one, TRUTHS[1])  # equal, and read at another time
    assert not known.knows(answered(1, BODIES[0]), TRUTHS[0])


@pytest.mark.parametrize("more", [{"headers": {"x": "{id}"}}, {"json": [1]}])
def test_what_may_be_right_once_and_wrong_the_next_time_is_never_remembered(more: dict[str, object]) -> None:
    known, one = Recognition(1), answered(0, BODIES[0])
    known.remember(one, expectation(more), None)
    known.remember(one, replace(ROWS, drawn=frozenset({"id"})), TRUTHS[0])
    assert not known.knows(one, None)
    assert not known.knows(one, TRUTHS[0])


def test_long_answers_are_kept_as_digests_and_memory_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 2)
    known = Recognition(1)
    rows = [{"id": number} for number in range(1000)]
    for identity in range(3):
        known.remember(answered(identity, body(rows)), ROWS, TRUTHS[0])
    found = [known.knows(answered(identity, body(rows)), TRUTHS[0]) for identity in range(3)]
    assert [grounds is not None for grounds in found] == [True, True, False]
    assert not known.knows(answered(0, body(rows)[:-2] + b" ]"), TRUTHS[0])
    assert [seen.body for seen in known._right[0].values()] == [None, None]
