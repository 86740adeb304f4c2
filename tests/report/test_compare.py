"""Two runs beside each other: noise is no regression, and a regression is no noise."""

import json
import math
import re
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from statistics import mean
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from loadcheck.cli.app import cli
from loadcheck.engine.randomness import source
from loadcheck.judge.findings import Finding
from loadcheck.record.generator import Generator
from loadcheck.record.sampler import Sampler
from loadcheck.record.series import Sample
from loadcheck.record.span import Span
from loadcheck.record.stored_run import StoredRun
from loadcheck.record.summary import build_summary
from loadcheck.report.compare.comparison import Change, compare
from loadcheck.report.compare.interval import effect
from loadcheck.report.compare.tables import comparison_report
from tests.record.samples import FACTS, PASSED, finding, tally, writer

COUNTED = tally(violations=False)
TOLERANCE = 0.25


def run_of(
    seed: int,
    slower_ms: float = 0.0,
    seconds: int = 30,
    findings: tuple[Finding, ...] = (),
    slowdown: float = 1.0,
    noise: float = 1.0,
) -> StoredRun:
    """A run as noisy as a busy machine: latencies of 30 ms, log-normal, alike in stretches."""
    chance, drift = source(seed), 0.0
    series = []
    for at in range(seconds):
        drift = 0.7 * drift + chance.gauss(0, 0.08) * noise
        latency = 30 * slowdown * 2.718 ** (drift + chance.gauss(0, 0.1) * noise) + slower_ms
        series.append(sample(float(at + 1), latency, slowdown))
    summary = build_summary(COUNTED, list(findings), PASSED, FACTS)
    return StoredRun(Path("run"), summary, [writer().stored(each) for each in findings], series)


def still(run: StoredRun, seconds: range) -> StoredRun:
    """The run, with nothing answered in some of its seconds."""
    nothing: Any = {"ok": 0, "latency_ms": dict.fromkeys(("p50", "p90", "p99", "max"))}
    series: Any = [{**each, **nothing} if at in seconds else each for at, each in enumerate(run.series)]
    return replace(run, series=series)


def thinned(run: StoredRun, answers: int) -> StoredRun:
    """The run, with so many answers in each second."""
    series: Any = [{**each, "ok": answers} for each in run.series]
    return replace(run, series=series)


def sample(at: float, latency_ms: float, slowdown: float) -> Sample:
    made = Sampler(COUNTED, partial(Span, ()), Generator()).sample(at, 32)
    rate = round(32 / latency_ms * 1000)
    latencies: dict[str, float | None] = {
        "p50": latency_ms,
        "p90": latency_ms * 1.6,
        "p99": latency_ms * 2.5,
        "max": latency_ms * 4,
    }
    return {
        **made,
        "seconds": 1.0,
        "phase": "steady",
        "ok": rate,
        "violation": 0,
        "latency_ms": latencies,
        "cpu_s": 0.1,
        "waited_s": 0.1 * (slowdown - 1),
    }


def test_the_same_build_is_no_regression_in_19_of_20_pairs() -> None:
    worse = sum(compare(run_of(seed), run_of(seed + 1000), TOLERANCE).regressed for seed in range(20))
    assert worse <= 1


def test_twenty_milliseconds_more_are_found_every_time() -> None:
    for seed in range(20):
        found = compare(run_of(seed), run_of(seed + 1000, slower_ms=20), TOLERANCE)
        assert found.regressed
        assert {each.name for each in found.measured if each.change is Change.WORSE} >= {"p50", "p90"}
        assert not compare(run_of(seed + 1000, slower_ms=20), run_of(seed), TOLERANCE).regressed


@given(st.lists(st.floats(1, 1000), min_size=7, max_size=60), st.floats(0.2, 5))
def test_the_interval_holds_the_effect_and_scales_with_it(values: list[float], factor: float) -> None:
    found = effect(values, [value * factor for value in values], source(1))
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(factor - 1, abs=1e-9)
    wider = effect(values, [value * factor for value in values], source(1), figures=8)
    assert wider.low <= found.low
    assert found.high <= wider.high


@pytest.mark.parametrize(("windows", "wrong"), [(9, 25), (30, 15), (300, 8)])
def test_seconds_that_are_alike_feign_little_difference(windows: int, wrong: int) -> None:
    """Each keeps 60 % of the last one's noise: Welch's interval is wrong in 39, 28 and 4 of the 100 pairs."""
    found = [
        effect(autocorrelated(seed, windows), autocorrelated(seed + 1000, windows), source(seed)) for seed in range(100)
    ]
    assert sum(not each.low <= 0 <= each.high for each in found) <= wrong


def test_the_interval_of_seconds_that_are_not_alike_is_hardly_wider_than_students() -> None:
    """That of two means of 60, each window with a spread of a tenth, is 2.00 * 0.1 * sqrt(2 / 60) either way."""
    found = [
        effect(autocorrelated(seed, 60, like=0.0), autocorrelated(seed + 1000, 60, like=0.0), source(seed))
        for seed in range(40)
    ]
    assert mean(math.log((1 + each.high) / (1 + each.low)) / 2 for each in found) == pytest.approx(0.0365, rel=0.2)


def test_one_second_unlike_all_others_widens_the_interval_and_no_more() -> None:
    quiet = [30.0, 30.1, 30.2, 30.1, 30.0, 30.2]
    found = effect([*quiet, 30_000.0], [*quiet, 30_000.0], source(1), figures=16)
    assert found.low == pytest.approx(-0.999)
    assert found.high == pytest.approx(999)


def autocorrelated(seed: int, windows: int, like: float = 0.6) -> list[float]:
    chance = source(seed)
    drift = chance.gauss(0, 1) / math.sqrt(1 - like**2)
    return [math.exp(0.1 * (drift := like * drift + chance.gauss(0, 1))) for _ in range(windows)]


@given(st.floats(0.001, 100_000), st.floats(0.2, 5), st.integers(7, 60), st.integers(7, 60))
def test_windows_that_are_all_alike_have_no_noise(value: float, factor: float, base: int, run: int) -> None:
    found = effect([value] * base, [value * factor] * run, source(1))
    assert [found.low, found.value, found.high] == pytest.approx([factor - 1] * 3, abs=1e-9)


@pytest.mark.parametrize("windows", range(7, 61))
def test_windows_that_are_all_alike_in_one_run_leave_the_noise_of_the_other(windows: int) -> None:
    for value in (0.622, 2.101, 5.034, 12.06, 201.3):
        found = effect([value] * windows, autocorrelated(1, windows), source(1))
        assert found.low < found.value < found.high


@pytest.mark.parametrize("windows", range(7))
def test_fewer_than_seven_windows_have_no_interval(windows: int) -> None:
    with pytest.raises(ValueError, match="7 windows"):
        effect([30.0] * windows, [30.0] * 7, source(1))


def test_the_same_pair_gives_the_same_answer() -> None:
    assert compare(run_of(1), run_of(2), TOLERANCE) == compare(run_of(1), run_of(2), TOLERANCE)


def test_what_the_machine_may_explain_is_not_laid_on_the_target() -> None:
    found = compare(run_of(1), run_of(2, slowdown=2.0), TOLERANCE)
    assert not found.regressed
    assert not found.conclusive
    assert {each.change for each in found.measured if each.phase == "steady"} == {Change.BUSY}
    assert found.slowdown["steady"] == pytest.approx((1.0, 2.0))


def test_a_regression_that_a_busier_machine_may_have_hidden_is_not_ruled_out() -> None:
    found = compare(run_of(1, slowdown=2.0), run_of(2, slower_ms=30), TOLERANCE)
    assert not found.regressed
    assert not found.conclusive


def test_what_a_busier_machine_does_not_explain_is_worse() -> None:
    assert compare(run_of(1, slowdown=2.0), run_of(2, slower_ms=60, slowdown=2.1), TOLERANCE).regressed


def test_a_run_that_is_too_short_is_told() -> None:
    found = compare(run_of(1), run_of(2, seconds=4), TOLERANCE)
    assert not found.conclusive
    assert not found.regressed
    assert {each.change for each in found.measured} == {Change.UNKNOWN}


def test_a_figure_that_may_be_far_worse_is_not_called_unchanged() -> None:
    """The interval of this pair begins within the tolerance, and ends where the figure has more than doubled."""
    found = compare(run_of(1, seconds=10, noise=3.0), run_of(4, 15.0, seconds=10, noise=3.0), TOLERANCE)
    p99 = found.measured[3]
    assert p99.effect is not None
    assert p99.effect.low < TOLERANCE < 1 < p99.effect.high
    assert (p99.change, p99.uncertain) == (Change.UNKNOWN, True)
    assert (found.regressed, found.conclusive) == (False, False)


@pytest.mark.parametrize(("a_second", "compared"), [(60, ["throughput", "p50", "p90"]), (5, ["throughput", "p50"])])
def test_a_percentile_of_too_few_answers_concludes_nothing(a_second: int, compared: list[str]) -> None:
    """The p99 of 60 answers is the slowest of them: one hiccup a second is no regression, and leaves none open."""
    base, run = (thinned(run_of(seed, seconds=10), a_second) for seed in (1, 1001))
    slow: Any = [
        {**each, "latency_ms": {**each["latency_ms"], "p99": 40.0 + 400 * (at % 3 == 1)}}
        for at, each in enumerate(run.series)
    ]
    found = compare(base, replace(run, series=slow), TOLERANCE)
    steady = [each for each in found.measured if each.phase == "steady"]
    assert [each.name for each in steady if each.effect is not None] == compared
    assert all(each.base is not None and each.run is not None for each in steady)
    assert (found.regressed, found.conclusive) == (False, True)


def test_a_figure_is_uncertain_only_in_the_direction_of_worse() -> None:
    found = compare(run_of(1, slower_ms=20), run_of(1001), 0.5)
    assert {each.change for each in found.measured if each.phase == "steady"} <= {Change.SAME, Change.BETTER}
    assert found.conclusive


@pytest.mark.parametrize("tolerance", [0.0, 1.0])
def test_any_share_is_a_tolerance(tolerance: float) -> None:
    found = compare(run_of(1), run_of(1001), tolerance)
    assert (found.regressed, found.conclusive) == (False, tolerance == 1.0)


def test_a_run_that_stood_still_for_seconds_is_not_as_good_as_the_base() -> None:
    paused = compare(run_of(1), still(run_of(1001), range(10, 13)), TOLERANCE)
    assert paused.measured[0].name == "throughput"
    assert paused.measured[0].change is Change.UNKNOWN
    assert not paused.conclusive
    stopped = compare(run_of(1), still(run_of(1001), range(30)), TOLERANCE)
    assert stopped.measured[0].change is Change.WORSE
    assert stopped.regressed


def test_runs_that_both_stood_still_are_not_compared() -> None:
    found = compare(still(run_of(1), range(30)), still(run_of(2), range(30)), TOLERANCE)
    assert not found.conclusive
    assert {each.change for each in found.measured} == {Change.UNKNOWN}


def test_a_finding_is_the_same_whether_or_not_its_source_was_found() -> None:
    named = finding()
    nameless = replace(finding(), source=None)
    found = compare(run_of(1, findings=(named,)), run_of(2, findings=(nameless,)), TOLERANCE)
    assert (found.new, found.gone) == ([], [])


def test_findings_are_new_or_gone_whoever_the_seed_drew() -> None:
    leaking, clean = run_of(1, findings=(finding(),)), run_of(2)
    assert compare(clean, leaking, TOLERANCE).new == ["keeper#3 asked for list and got rows of keeper#17"]
    assert compare(clean, leaking, TOLERANCE).regressed
    assert compare(leaking, clean, TOLERANCE).gone
    assert compare(leaking, run_of(2, findings=(finding(),)), TOLERANCE).new == []


def written(run: StoredRun, folder: Path) -> str:
    folder.mkdir()
    (folder / "summary.json").write_bytes(orjson.dumps(run.summary))
    (folder / "findings.json").write_bytes(orjson.dumps(run.findings))
    (folder / "series.ndjson").write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in run.series))
    return str(folder)


@pytest.mark.parametrize(
    ("slower", "seconds", "code", "told"),
    [
        (0.0, 30, 0, "no regression beyond noise and 25 %"),
        (20.0, 30, 3, "worse than the base"),
        (0.0, 4, 2, "too short to tell: run longer"),
    ],
)
def test_the_command_tells_it_and_exits_with_it(
    tmp_path: Path, slower: float, seconds: int, code: int, told: str
) -> None:
    base, run = written(run_of(1), tmp_path / "a"), written(run_of(2, slower, seconds), tmp_path / "b")
    outputs = ["--markdown", str(tmp_path / "c.md"), "--json", str(tmp_path / "c.json")]
    ended = CliRunner().invoke(cli, ["compare", base, run, *outputs], standalone_mode=False)
    assert (ended.return_value, ended.output.splitlines()[0]) == (code, f"compare: {told}")
    assert told in (tmp_path / "c.md").read_text()
    assert json.loads((tmp_path / "c.json").read_text())["regressed"] == (code == 3)


def test_an_uncertain_comparison_ends_with_2_and_advice(tmp_path: Path) -> None:
    base = written(run_of(1), tmp_path / "a")
    run = written(still(run_of(1001), range(10, 13)), tmp_path / "b")
    ended = CliRunner().invoke(cli, ["compare", base, run], standalone_mode=False)
    assert (ended.return_value, ended.output.splitlines()[0]) == (2, "compare: too uncertain to tell: run longer")


@pytest.mark.parametrize(
    ("second", "change"),
    [
        (run_of(1001), "same"),
        (run_of(1001, slower_ms=20), "worse"),
        (run_of(1001, slowdown=2.0), "busy"),
        (run_of(1001, seconds=4), "unknown"),
    ],
)
def test_the_words_of_the_json_stay_when_people_are_told_in_others(second: StoredRun, change: str) -> None:
    found = json.loads(json.dumps(compare(run_of(1), second, TOLERANCE).as_json()))
    assert next(each["change"] for each in found["measured"] if each["name"] == "p50") == change


def test_runs_of_two_scenarios_are_told_apart() -> None:
    base, run = run_of(1), run_of(2)
    run.summary["scenario"] = "others"
    phases = [{**each, "name": "rush" if each["name"] == "peak" else each["name"]} for each in run.summary["phases"]]
    run.summary["phases"] = phases  # type: ignore[typeddict-item]
    compared = compare(base, run, TOLERANCE)
    assert compared.unlike == [
        "scenario others, where the base is of pets",
        "phase peak is in the base only",
        "phase rush is not in the base",
    ]
    console = Console(width=80, record=True, file=StringIO())
    console.print(comparison_report(compared))
    assert "not alike: scenario others, where the base is of pets" in console.export_text()
    assert compare(base, run_of(2), TOLERANCE).unlike == []


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (run_of(2), "no clear change"),
        (run_of(2, slowdown=2.0), "machine too busy"),
        (run_of(2, seconds=10, noise=6.0), "too uncertain"),
    ],
)
def test_a_terminal_of_80_columns_has_room_for_all_of_it(second: StoredRun, told: str) -> None:
    console = Console(width=80, record=True, file=StringIO())
    console.print(comparison_report(compare(run_of(1), second, TOLERANCE)))
    text = console.export_text()
    assert "…" not in text
    assert len(re.findall(f"% +{told}", text)) == 4
    assert "\nsteady\n" in text
    assert "peak: too short to tell\n" in text
    assert re.search(r"p99 +70\.6 ms .* [+-][\d.]+ % +[+-][\d.]+ to [+-][\d.]+ % ", text)
