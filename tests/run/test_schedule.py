"""When faults happen, whatever a scenario says."""

import math
from itertools import islice, pairwise

from hypothesis import given
from hypothesis import strategies as st

from loadcheck.run.faults.schedule import Occurrence, occurrences
from loadcheck.scenario.fault import Fault

SECONDS = st.floats(0.1, 1e6)


def fault(kind: str, **given: float | None) -> Fault:
    return Fault.model_validate({"do": kind, **{key: value for key, value in given.items() if value is not None}})


@given(at=st.none() | SECONDS, every=SECONDS, part=st.none() | st.floats(0.01, 0.99))
def test_it_happens_every_so_often_and_never_twice_at_once(at: float | None, every: float, part: float | None) -> None:
    lasting = part and part * every
    times = list(islice(occurrences(fault("pgbouncer-kill", at=at, every=every, **{"for": lasting})), 50))
    assert times[0].begins == (every if at is None else at)
    for index, (one, following) in enumerate(pairwise(times)):
        assert math.isclose(following.begins, times[0].begins + (index + 1) * every)
        assert one.begins <= one.ends < following.begins
        assert math.isclose(one.ends - one.begins, lasting or 0.0, abs_tol=1e-6)


@given(at=st.none() | SECONDS, lasting=st.none() | SECONDS)
def test_without_every_it_happens_once(at: float | None, lasting: float | None) -> None:
    begins = at or 0
    (once,) = occurrences(fault("pgbouncer-kill", at=at, **{"for": lasting}))
    assert once == Occurrence(begins, begins + (lasting or 0))


def test_aborts_last_for_the_whole_run_unless_told_otherwise() -> None:
    assert list(occurrences(fault("abort"))) == [Occurrence(0, math.inf)]
    assert list(occurrences(fault("abort", at=3.0, **{"for": 2.0}))) == [Occurrence(3, 5)]
