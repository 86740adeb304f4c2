"""The worst window of a run is the worst of all its windows, and is kept in bounded memory."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.events import Lost, PhaseEnded, PhaseStarted
from loadcheck.judge.judge import unknown
from loadcheck.judge.outcome import Worst
from loadcheck.judge.verdict import OK
from loadcheck.record.tally import Tally
from loadcheck.record.windows import Windows
from loadcheck.scenario.thresholds import Thresholds
from tests.record.samples import SCENARIO, exchange, population

WINDOW = 4
ASKED = {
    "p50": {"limit": "100ms", "window": WINDOW},
    "error_rate": {"limit": "50%", "window": WINDOW},
    "throughput": {"limit": 2, "window": WINDOW},
}
Second = list[tuple[float, bool]]
SECONDS = st.lists(st.tuples(st.sampled_from([0.01, 0.1, 0.3]), st.booleans()), max_size=6)


class Counted:
    """A run whose time the test sets, a second at a time."""

    def __init__(self, thresholds: object) -> None:
        scenario = SCENARIO.model_copy(update={"thresholds": Thresholds.model_validate(thresholds)})
        self.tally = Tally(scenario, population())
        self.windows = Windows(self.tally)
        self.now = 0.0

    def begin(self, phase: int) -> None:
        self.tally.phase_started(PhaseStarted(phase, SCENARIO.load[phase], self.now))

    def end(self, phase: int) -> None:
        self.tally.phase_ended(PhaseEnded(phase, SCENARIO.load[phase], self.now))

    def second(self, exchanges: Second, phase: int = 1) -> dict[str, Worst]:
        self.now += 1
        for took, lost in exchanges:
            one = exchange(phase=phase, at=self.now, took=took, lost=Lost.TIMEOUT if lost else None)
            self.tally.add(one, unknown("lost") if lost else OK)
        return dict(self.windows.look(self.now))


def windows_of(seconds: Sequence[Second]) -> list[Second]:
    whole = range(WINDOW, len(seconds) + 1)
    return [[one for second in seconds[end - WINDOW : end] for one in second] for end in whole]


@given(st.lists(SECONDS, max_size=12))
def test_the_worst_window_is_the_worst_of_all(seconds: list[Second]) -> None:
    run = Counted(ASKED)
    run.begin(1)
    for second in seconds:
        run.second(second)
    windows, worst = windows_of(seconds), run.windows.worst
    medians = [sorted(took for took, _ in one)[(len(one) - 1) // 2] for one in windows if one]
    failed = [sum(lost for _, lost in one) / len(one) for one in windows if one]
    rates = [sum(not lost for _, lost in one) / WINDOW for one in windows]
    assert {*worst} == {
        name for name, found in [("p50", medians), ("error_rate", failed), ("throughput", rates)] if found
    }
    if rates:
        assert worst["throughput"].value == pytest.approx(min(rates))
    if medians:
        assert worst["p50"].value == pytest.approx(max(medians), rel=0.15)
        assert worst["error_rate"].value == pytest.approx(max(failed))


def test_a_threshold_is_told_when_it_first_breaks_with_the_moment() -> None:
    run = Counted(ASKED)
    run.begin(1)
    told = [run.second([(0.01, False)] * (0 if 5 <= at < 9 else 3)) for at in range(12)]
    assert [sorted(each) for each in told] == [[]] * 6 + [["throughput"]] + [[]] * 5
    assert told[6]["throughput"] == Worst(1.5, 7.0)
    assert run.windows.worst["throughput"] == Worst(0.0, 9.0)


def test_what_is_not_measured_is_in_no_window() -> None:
    run = Counted(ASKED)
    run.begin(0)
    for _ in range(10):
        run.second([(3.0, True)], phase=0)
    run.end(0)
    assert run.windows.worst == {}
    run.begin(1)
    for _ in range(WINDOW):
        run.second([(0.01, False)] * 3)
    assert run.windows.worst["throughput"].value == pytest.approx(3)
    assert run.windows.worst["error_rate"].value == 0


def test_long_windows_are_as_small_as_short_ones() -> None:
    run = Counted({"p99": {"limit": "1s", "window": "1h"}})
    run.begin(1)
    for _ in range(3 * 3600):
        run.second([])
    (marks,) = run.windows._marks.values()
    assert len(marks) <= 62
