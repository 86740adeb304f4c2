import cProfile
import math

from hypothesis import given
from hypothesis import strategies as st

from loadcheck.record.histogram import Histogram

DURATIONS = st.lists(
    st.one_of(
        st.floats(min_value=1e-6, max_value=3600.0),
        st.floats(min_value=-6.0, max_value=math.log10(3600.0)).map(lambda power: min(10.0**power, 3600.0)),
    ),
    min_size=1,
    max_size=300,
)
PERCENTS = st.one_of(st.floats(min_value=0, max_value=100), st.sampled_from([0, 50, 90, 95, 99, 99.9, 100]))


def filled(durations: list[float]) -> Histogram:
    histogram = Histogram()
    for duration in durations:
        histogram.add(duration)
    return histogram


def nearest_rank(durations: list[float], percent: float) -> float:
    rank = max(math.ceil(len(durations) * percent / 100), 1)
    return sorted(durations)[rank - 1]


@given(DURATIONS, PERCENTS)
def test_a_percentile_is_within_one_percent(durations: list[float], percent: float) -> None:
    found = filled(durations).percentile(percent)
    assert found is not None
    assert math.isclose(found, nearest_rank(durations, percent), rel_tol=0.01)


@given(DURATIONS)
def test_count_sum_and_both_ends_are_exact(durations: list[float]) -> None:
    histogram = filled(durations)
    assert histogram.count == len(durations)
    assert math.isclose(histogram.total, math.fsum(durations), rel_tol=1e-9)
    assert (histogram.shortest, histogram.longest) == (min(durations), max(durations))
    assert (histogram.percentile(0), histogram.percentile(100)) == (min(durations), max(durations))


@given(DURATIONS, DURATIONS, PERCENTS)
def test_what_came_since_a_copy_is_what_was_added_after_it(
    left: list[float], right: list[float], percent: float
) -> None:
    histogram = filled(left)
    earlier = Histogram.sum([histogram])
    for duration in right:
        histogram.add(duration)
    since = histogram.since(earlier).percentile(percent)
    assert since is not None
    assert math.isclose(since, nearest_rank(right, percent), rel_tol=0.01)
    assert histogram.since(Histogram.sum([histogram])).percentile(percent) is None


@given(DURATIONS, PERCENTS)
def test_packed_it_holds_the_same(durations: list[float], percent: float) -> None:
    histogram = filled(durations)
    again = histogram.packed().unpacked()
    assert again.percentile(percent) == histogram.percentile(percent)
    assert (again.count, again.total, again.longest) == (histogram.count, histogram.total, histogram.longest)


@given(DURATIONS, DURATIONS, PERCENTS)
def test_merging_equals_adding_all_to_one(left: list[float], right: list[float], percent: float) -> None:
    merged = filled(left)
    merged.merge(filled(right))
    together = filled(left + right)
    assert merged.percentile(percent) == together.percentile(percent)
    assert (merged.count, merged.shortest, merged.longest) == (
        together.count,
        together.shortest,
        together.longest,
    )


@given(DURATIONS)
def test_percentiles_never_fall_as_the_percentage_grows(durations: list[float]) -> None:
    histogram = filled(durations)
    found = [histogram.percentile(percent) or 0.0 for percent in range(101)]
    assert found == sorted(found)


def test_an_empty_one_has_no_percentile() -> None:
    assert Histogram().percentile(99) is None
    assert Histogram().mean is None


def test_what_lies_outside_the_range_is_counted_at_its_end() -> None:
    histogram = filled([-1.0, 0.0, 1e-9, 86400.0])
    assert histogram.count == 4
    assert histogram.percentile(0) == 0.0
    assert histogram.percentile(100) == 86400.0


def test_memory_does_not_grow_with_the_number_of_durations() -> None:
    histogram = Histogram()
    for step in range(200_000):
        histogram.add(1e-6 * 1.0002**step if step < 110_000 else step / 1000)
    assert len(histogram._all().buckets) <= 4200


def test_adding_takes_a_few_calls_however_much_there_is() -> None:
    histogram, profile = Histogram(), cProfile.Profile()
    for number in range(1_000):
        histogram.add(number / 1_000)
    profile.runcall(histogram.add, 0.0123)
    assert sum(entry.callcount for entry in profile.getstats()) <= 5
