"""What a run covers: shown, asked for by thresholds, and inconclusive where it is too little."""

from pathlib import Path

from loadcheck.record.stored_run import StoredRun
from loadcheck.stack.stack import EmbeddedStack
from tests.run.test_run import SCENARIO, run

TWO = SCENARIO.replace(
    "\nrequests:",
    """
  - {name: no-claim, claims: {role: role_readwrite}}
requests:
  - {name: same for all, get: /pets?limit=0, expect: {rows: []}}
  - {name: bare, get: /pets?limit=1, expect: {status: 200}}""",
    1,
)


async def test_too_little_coverage_is_inconclusive_and_says_of_what_and_what_helps(
    pets_stack: EmbeddedStack, tmp_path: Path
) -> None:
    asked = f"{TWO}\nthresholds: {{repeats: 6, exposed: 10, distinct_handoffs: 9, p50: 0.001ms}}"
    ended, _ = await run(pets_stack, tmp_path, "{name: few, concurrency: 4, requests: 300}", scenario=asked)
    assert ended.summary["exit_code"] == 2
    told = "\n".join(ended.summary["reasons"])
    assert "too little: 0 exposed for request 'same for all' where 10 are asked; run longer" in told
    assert "distinct handoffs where 9 are asked; run longer, or give rare claim mixes more weight" in told
    assert "repeats" not in told


async def test_a_short_run_tells_what_it_reached_as_it_goes(pets_stack: EmbeddedStack, tmp_path: Path) -> None:
    ended, told = await run(pets_stack, tmp_path, "{name: few, concurrency: 4, requests: 60}", scenario=TWO)
    assert told.reached is not None
    assert told.reached.handoffs > 0
    series = StoredRun.read(ended.folder).series
    assert max(sample["backends"] for sample in series) == ended.summary["coverage"]["backends"]
    assert sum(sample["handoffs"] for sample in series) > 0


async def test_each_request_tells_how_far_it_was_exposed(pets_stack: EmbeddedStack, tmp_path: Path) -> None:
    ended, told = await run(pets_stack, tmp_path, "{name: few, concurrency: 4, requests: 300}", scenario=TWO)
    coverage = ended.summary["coverage"]
    listed, same, bare = (coverage["requests"][name] for name in ("list", "same for all", "bare"))
    assert (listed["telling"], same["telling"], bare["telling"]) == (True, True, False)
    assert listed["exposed"] > 20 > same["exposed"] == bare["exposed"] == 0
    assert (listed["leak_rate_upper_95"] or 1) < 0.15
    assert same["leak_rate_upper_95"] is None
    assert min(shape["repeats"] for shape in (listed, same, bare)) >= 6
    assert {pair["victim"] for pair in coverage["pairs"]} == {"keeper", "no-claim"}
    reached = told.gauges.reached()
    assert reached is not None
    assert (reached.handoffs, reached.backends) == (coverage["handoffs"], coverage["backends"])
