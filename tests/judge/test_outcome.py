"""The verdict of a run: what could not be seen is never a pass."""

from typing import Any

import pytest

from loadcheck.errors import ExitCode
from loadcheck.judge.outcome import Figures, RunVerdict, decide
from loadcheck.scenario.thresholds import Thresholds

CHANGED, GONE = "the data changed while the request was under way", "the oracle lost its connection"


def figures(**other: Any) -> Figures:
    clean = {"checked": 1_000, "judged": 1_000, "violations": 0, "unknown": 0, "findings": 0, "unchecked": ()}
    return Figures(**{**clean, "blind": (), "measured": {}, **other})


@pytest.mark.parametrize("unsettled", [{}, {CHANGED: 10}, {CHANGED: 5, GONE: 5}])
def test_a_few_answers_that_could_not_be_settled_leave_it_a_pass(unsettled: dict[str, int]) -> None:
    assert decide(figures(unsettled=unsettled), Thresholds()).verdict is RunVerdict.PASS


@pytest.mark.parametrize(
    ("excused", "beside"), [(0, ""), (3_000, ", beside 3,000 under a fault or given up on purpose")]
)
def test_more_than_a_tenth_without_a_verdict_is_no_pass_and_what_was_under_a_fault_is_told_beside_it(
    excused: int, beside: str
) -> None:
    outcome = decide(figures(unknown=200, excused=excused), Thresholds())
    assert outcome.verdict is RunVerdict.INCONCLUSIVE
    assert outcome.reasons == (f"200 of 1,200 answers could not be judged, more than 10%{beside}",)
    assert decide(figures(unknown=100, excused=excused), Thresholds()).verdict is RunVerdict.PASS


@pytest.mark.parametrize("judged", [0, 1_000])
def test_many_answers_that_were_not_as_expected_and_could_not_be_settled_are_never_a_pass(judged: int) -> None:
    outcome = decide(figures(judged=judged, unsettled={CHANGED: 5, GONE: 9}), Thresholds())
    assert (outcome.verdict, outcome.exit_code) == (RunVerdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    (reason,) = outcome.reasons
    assert reason.startswith(f"14 of {judged + 14:,} answers were not as expected, and whether that was wrong could ")
    assert reason.endswith(f"not be settled, more than 1%; most often: {GONE}")


def test_a_violation_outweighs_what_could_not_be_settled() -> None:
    assert decide(figures(violations=1, findings=1, unsettled={GONE: 500}), Thresholds()).verdict is RunVerdict.FAIL
