from itertools import islice, pairwise
from random import Random
from statistics import fmean, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.arrivals import arrivals
from loadcheck.engine.randomness import source
from loadcheck.scenario.phase import Phase


def times(chance: Random | None = None, **phase: object) -> list[float]:
    return list(arrivals(Phase.model_validate({"name": "p", **phase}), chance or source(1)))


def test_constant_arrivals_are_evenly_spaced_from_the_start() -> None:
    assert times(rate="4/s", duration="1s") == [0.0, 0.25, 0.5, 0.75]


def test_requests_end_the_arrivals() -> None:
    assert times(rate="2/s", requests=3) == [0.0, 0.5, 1.0]
    assert len(times(rate=100, requests=7, arrivals="poisson")) == 7


def test_a_rounding_makes_no_arrival_more() -> None:
    for rate in (0.1, 0.3, 0.7, 3, 7, 49, 400, 999):
        assert len(times(rate=rate, duration=30)) == pytest.approx(rate * 30, abs=1e-9)


@given(st.floats(0.5, 500), st.floats(0.5, 500), st.floats(0.5, 20), st.sampled_from(["constant", "poisson"]))
def test_arrivals_never_fall_and_end_with_the_phase(rate: float, to: float, duration: float, kind: str) -> None:
    at = times(rate=rate, ramp_to=to, duration=duration, arrivals=kind)
    assert all(earlier <= later for earlier, later in pairwise(at))
    assert all(0 <= time < duration for time in at)


@given(st.floats(0.5, 500), st.floats(0.5, 500), st.floats(0.5, 20), st.floats(0, 1))
def test_a_ramp_has_as_many_arrivals_by_any_time_as_its_rate_adds_up_to(
    rate: float, to: float, duration: float, part: float
) -> None:
    by = duration * part
    due = rate * by + (to - rate) / duration * by * by / 2
    arrived = sum(time < by for time in times(rate=rate, ramp_to=to, duration=duration))
    assert arrived == pytest.approx(due, abs=1.001)


@pytest.mark.parametrize("seed", range(5))
def test_poisson_gaps_have_the_mean_and_the_variance_of_an_exponential(seed: int) -> None:
    at = times(source(seed), rate=200, requests=20_000, arrivals="poisson")
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert fmean(gaps) == pytest.approx(1 / 200, rel=0.03)
    assert pvariance(gaps) == pytest.approx(1 / 200**2, rel=0.1)


def test_poisson_counts_vary_as_much_as_their_mean() -> None:
    counts = [len(times(source(seed), rate=40, duration=5, arrivals="poisson")) for seed in range(400)]
    assert fmean(counts) == pytest.approx(200, rel=0.02)
    assert pvariance(counts) == pytest.approx(200, rel=0.25)


def test_a_poisson_ramp_puts_its_arrivals_where_the_rate_is() -> None:
    halves = [0, 0]
    for seed in range(200):
        for at in times(source(seed), rate=10, ramp_to=90, duration=4, arrivals="poisson"):
            halves[at >= 2] += 1
    assert halves[0] / 200 == pytest.approx(60, rel=0.05)
    assert halves[1] / 200 == pytest.approx(140, rel=0.05)


def test_the_same_source_gives_the_same_arrivals() -> None:
    assert times(source(7), rate=9, duration=9, arrivals="poisson") == times(
        source(7), rate=9, duration=9, arrivals="poisson"
    )


def test_nothing_is_made_ahead_of_need() -> None:
    endless = arrivals(Phase(name="p", rate=1000.0, requests=10**12), source(1))
    assert list(islice(endless, 2)) == [0.0, 0.001]
