"""Handoffs, counted from stamps in whatever order their answers are read."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.events import Draw
from loadcheck.judge.stamp import Stamp
from loadcheck.record.coverage import Coverage

USES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=60)  # backend, identity


def covered(uses: list[tuple[int, int]], order: list[int] | None = None) -> Coverage:
    coverage = Coverage()
    for at in order or range(len(uses)):
        backend, identity = uses[at]
        coverage.add(Draw(at, 0, identity), identity % 2, Stamp(backend, at + 1, "-", "-", "-"))
    coverage.close()
    return coverage


def handoffs(uses: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found = []
    for backend in {backend for backend, _ in uses}:
        mine = [identity for used, identity in uses if used == backend]
        found += [(one % 2, other % 2) for one, other in pairwise(mine) if one != other]
    return found


@given(USES)
def test_each_change_of_identity_on_a_backend_is_a_handoff(uses: list[tuple[int, int]]) -> None:
    coverage = covered(uses)
    assert coverage.handoffs == len(handoffs(uses))
    assert coverage.distinct_handoffs == len(set(handoffs(uses)))
    assert coverage.backends == len({backend for backend, _ in uses})
    assert coverage.stamped == len(uses)


@given(USES, st.randoms(use_true_random=False))
def test_answers_read_a_little_out_of_order_count_the_same(uses: list[tuple[int, int]], chance: random.Random) -> None:
    order = sorted(range(len(uses)), key=lambda at: at + chance.randrange(5))
    assert covered(uses, order).handoffs == len(handoffs(uses))


def test_one_transaction_given_out_twice_is_no_handoff() -> None:
    coverage = Coverage()
    for identity in (0, 1):
        coverage.add(Draw(identity, 0, identity), 0, Stamp(1, 5, "-", "-", "-"))
    coverage.close()
    assert coverage.handoffs == 0


def test_the_rate_that_is_ruled_out_follows_the_rule_of_three() -> None:
    coverage = Coverage()
    assert coverage.leak_rate_upper_95 is None
    coverage.handoffs = 3000
    assert coverage.leak_rate_upper_95 == pytest.approx(3 / 3000, rel=0.01)
