from pathlib import Path
from typing import Any

import pytest

from loadcheck.record.stored import StoredReproduction
from loadcheck.report.next_steps import next_steps
from tests.record.samples import finding
from tests.report.test_formats import stored, two

FOLDER = Path("reports/my pets")
FOUND: StoredReproduction = {
    "exchanges": 2,
    "concurrency": 1,
    "repeat": 1,
    "fresh": True,
    "told": "keeper#1 list, then no-claim list",
    "scenario": "F1/reproduce.yaml",
    "script": "F1/reproduce.sh",
}


def test_a_leak_says_what_to_mend_and_how_to_see_that_it_is_mended() -> None:
    run = stored(two())
    run.findings[0]["reproduction"] = FOUND
    first, second, third = map(str, next_steps(run.summary, run.findings, FOLDER))
    assert first.startswith("F1: let every setting end with its transaction")
    assert second.endswith("loadcheck run 'reports/my pets/F1/reproduce.yaml'")
    assert third.endswith("loadcheck report 'reports/my pets' --html run.html")


def test_each_cause_is_mended_and_none_twice() -> None:
    run = stored([finding(name=f"F{number}") for number in (1, 2, 3)])
    run.findings[2]["cause"] = "plan-cache"
    told = [str(step) for step in next_steps(run.summary, run.findings, FOLDER)]
    assert [step[:4] for step in told if step.startswith("F")] == ["F1: ", "F3: "]
    assert "STABLE" in told[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "pass", "exit_code": 0}, "loadcheck compare 'reports/my pets' NEXT"),
        ({"verdict": "pass", "exit_code": 3}, "loadcheck compare BASE 'reports/my pets'"),
        ({"verdict": "inconclusive", "exit_code": 2}, "until then this run proves nothing"),
        ({"verdict": "inconclusive", "exit_code": 130}, "run it to its end"),
    ],
)
def test_what_comes_next_depends_on_how_the_run_ended(change: dict[str, Any], said: str) -> None:
    summary: Any = {**stored([]).summary, **change}
    assert said in "\n".join(map(str, next_steps(summary, [], FOLDER)))


def test_a_run_that_saw_no_backends_says_how_to_see_them() -> None:
    summary: Any = {**stored([]).summary, "verdict": "inconclusive", "exit_code": 2}
    summary["coverage"]["handoffs"] = None
    assert any("doctor SCENARIO --install-stamp" in str(step) for step in next_steps(summary, [], FOLDER))
