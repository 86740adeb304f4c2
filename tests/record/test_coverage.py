"""Coverage, counted from stamps in whatever order their answers are read, held against a naive model."""

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.events import Draw
from loadcheck.record import coverage as coverage_module
from loadcheck.record import span as span_module
from loadcheck.record.confidence import chances_for, upper_95
from loadcheck.record.coverage import Coverage, Use
from loadcheck.record.span import Reached, Span

REQUESTS, PHASES = 3, 2
# Backend, identity, request, phase, whether the answer was right.
ONE = st.tuples(
    st.integers(0, 2), st.integers(0, 3), st.integers(0, REQUESTS - 1), st.integers(0, PHASES - 1), st.booleans()
)
USES = st.lists(ONE, max_size=60)
Given = list[tuple[int, int, int, int, bool]]


def exposes(draw: Draw, source: int) -> bool:
    """Identities below 2 expect the same of request 0."""
    return draw.request > 0 or max(draw.identity, source) > 1


def covered(uses: Given, order: list[int] | None = None) -> Coverage:
    coverage = Coverage((True, True, False), PHASES, exposes)
    for at in range(len(uses)) if order is None else order:
        backend, identity, request, phase, ok = uses[at]
        coverage.add(backend, Use(at + 1, Draw(at, request, identity), identity % 2, phase, ok))
    coverage.close()
    return coverage


def pairs(uses: Given, phase: int | None = None) -> list[tuple[int, int, int | None]]:
    """Claim mix before and after, and the request if its answer was exposed, of each handoff of a phase or of all."""
    found = []
    for backend in {use[0] for use in uses}:
        for earlier, later in pairwise(use for use in uses if use[0] == backend):
            _, identity, request, then, ok = later
            if earlier[1] != identity and phase in {None, then}:
                exposed = ok and exposes(Draw(0, request, identity), earlier[1])
                found.append((earlier[1] % 2, identity % 2, request if exposed else None))
    return found


def check(span: Span, uses: Given, phase: int | None) -> None:
    found = pairs(uses, phase)
    mine = [use for use in uses if phase in {None, use[3]}]
    runs = Counter((use[0], use[2]) for use in mine)
    assert span.pairs == Counter((earlier, later) for earlier, later, _ in found)
    for request, shape in enumerate(span.shapes):
        repeats = [count for (_, asked), count in runs.items() if asked == request]
        assert shape.repeats == max(repeats, default=0)
        assert shape.backends == len(repeats)
        assert shape.planned == sum(count >= 6 for count in repeats)
        assert shape.exposed == sum(exposed == request for _, _, exposed in found)
    assert span.reached() == Reached(
        backends=len({use[0] for use in mine}),
        handoffs=len(found),
        distinct_handoffs=len(span.pairs),
        repeats=min(shape.repeats for shape in span.shapes[:2]),
        exposed=min(shape.exposed for shape in span.shapes[:2]),
    )


@given(USES)
def test_run_and_phases_count_what_a_naive_model_counts(uses: Given) -> None:
    coverage = covered(uses)
    check(coverage.run, uses, None)
    for phase, span in enumerate(coverage.phases):
        check(span, uses, phase)


@given(USES, st.randoms(use_true_random=False))
def test_answers_read_a_little_out_of_order_count_the_same(uses: Given, chance: random.Random) -> None:
    order = sorted(range(len(uses)), key=lambda at: at + chance.randrange(5))
    check(covered(uses, order).run, uses, None)


def test_one_transaction_given_out_twice_is_no_handoff() -> None:
    coverage = Coverage((True,), 1, exposes)
    for identity in (0, 1):
        coverage.add(1, Use(5, Draw(identity, 0, identity), 0, 0, ok=True))
    coverage.close()
    assert coverage.run.handoffs == 0


def test_without_a_stamp_nothing_was_reached() -> None:
    assert covered([]).reached() is None


def test_backends_that_come_and_go_take_no_memory_and_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage_module, "_BACKENDS_KEPT", 4)
    monkeypatch.setattr(coverage_module, "_AWAKE", 2)
    monkeypatch.setattr(span_module, "_BACKENDS_KEPT", 4)
    coverage = Coverage((True,), 1, exposes)
    uses = [(pid, identity) for pid in range(1000, 1300) for identity in (0, 1)]
    for at, (pid, identity) in enumerate([*uses, *uses[:20]]):
        coverage.add(pid, Use(at, Draw(at, 0, identity), 0, 0, ok=True))
    assert [len(coverage._recent), len(coverage._silent), len(coverage.run._runs)] == [2, 4, 4]
    coverage.close()
    reached = coverage.reached()
    assert reached is not None
    assert (reached.backends, reached.handoffs) == (300, 310)


def test_a_backend_that_was_silent_for_long_is_handed_over_from_its_last_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coverage_module, "_AWAKE", 2)
    coverage = Coverage((True,), 1, exposes)
    for at, (pid, identity) in enumerate([(1, 0), (1, 1), *((pid, 0) for pid in range(2, 9)), (1, 2), (1, 3)]):
        coverage.add(pid, Use(at, Draw(at, 0, identity), identity, 0, ok=True))
    coverage.close()
    assert coverage.run.pairs == {(0, 1): 1, (1, 2): 1, (2, 3): 1}


def test_the_rate_that_is_ruled_out_follows_the_rule_of_three() -> None:
    assert upper_95(0) is None
    assert upper_95(3000) == pytest.approx(3 / 3000, rel=0.01)


@given(st.floats(1e-6, 0.9))
def test_so_many_chances_rule_out_a_rate_and_one_less_does_not(rate: float) -> None:
    chances = chances_for(rate)
    assert (upper_95(chances) or 1) <= rate * (1 + 1e-9)
    assert chances == 1 or (upper_95(chances - 1) or 1) > rate * (1 - 1e-9)
