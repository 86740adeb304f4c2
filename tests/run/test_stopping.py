"""A run that is told to stop at the first failure ends in order, long before its time, with its verdict."""

from pathlib import Path

import pytest

from loadcheck.stack.stack import EmbeddedStack
from tests.run.test_run import SCENARIO, run

LONG = "{name: long, concurrency: 4, duration: 10m}"
WRONG = SCENARIO.replace("WHERE keeper = :user_type", "WHERE keeper <> :user_type")


async def test_at_the_first_violation(pets_stack: EmbeddedStack, tmp_path: Path) -> None:
    ended, told = await run(pets_stack, tmp_path, LONG, scenario=f"{WRONG}\nstop_on_fail: true")
    assert ended.summary["exit_code"] == 1
    assert ended.summary["reasons"][1] == "the run ended at its first failure: a violation"
    assert "stopping at the first failure: a violation" in told.steps
    assert ended.summary["duration_s"] < 300


@pytest.mark.parametrize(("name", "limit"), [("throughput", "1000000/s"), ("p50", "0.001ms")])
async def test_at_the_first_broken_window(name: str, limit: str, pets_stack: EmbeddedStack, tmp_path: Path) -> None:
    scenario = f"{SCENARIO}\nstop_on_fail: true\nthresholds: {{{name}: {{limit: {limit}, window: 1s}}}}"
    ended, _ = await run(pets_stack, tmp_path, LONG, scenario=scenario)
    (threshold,) = ended.summary["thresholds"]
    assert ended.summary["exit_code"] == 3
    assert (threshold["name"], threshold["held"], threshold["window_s"]) == (name, False, 1.0)
    assert threshold["at_s"] is not None
    assert ended.summary["stopped"].startswith(f"threshold {name} did not hold in the window that ended at ")
    assert ended.summary["duration_s"] < 300


async def test_a_window_that_breaks_ends_no_run_that_was_not_asked_to(
    pets_stack: EmbeddedStack, tmp_path: Path
) -> None:
    limits = "thresholds: {p50: {limit: 0.001ms, window: 1s}, p99: {limit: 1m, window: 1h}}"
    phase = "{name: short, concurrency: 4, duration: 3s}"
    ended, told = await run(pets_stack, tmp_path, phase, scenario=f"{SCENARIO}\n{limits}")
    broken, short = ended.summary["thresholds"]
    assert (broken["held"], short["held"]) == (False, None)
    assert sum("threshold p50 did not hold" in step for step in told.steps) == 1
    assert ended.summary["exit_code"] == 2
    assert "no whole window of 3600 s was measured" in "\n".join(ended.summary["reasons"])
