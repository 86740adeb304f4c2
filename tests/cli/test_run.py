"""`loadcheck run` from outside: what it prints, writes and exits with, on the real stack."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import (
    PATIENCE_S,
    REPOSITORY,
    SCENARIOS,
    bad_tokens_weigh,
    history,
    loadcheck,
    read_until,
    started,
    summary,
)
from tests.cli.processes import descendants, gone
from tests.cli.target import Target, kept

PETS = SCENARIOS / "pets.yaml"
SHORT = (
    *("--set", "load.warm-up.duration=300ms"),
    *("--set", "load.alone.requests=60"),
    *("--set", "load.crowd.requests=1500"),
    *("--set", "load.arrivals.duration=1s"),
    *("--set", "thresholds={checked: 1000, identities: 400}"),  # none that a busy machine could break
)
SHORTER = (
    *SHORT,
    *("--set", "load.crowd.requests=300"),
    *("--set", "thresholds={checked: 300}"),
    *bad_tokens_weigh(8),
)
FEW = (
    *("--set", "load=[{name: alone, concurrency: 1, requests: 80}, {name: crowd, concurrency: 8, requests: 300}]"),
    *("--set", "thresholds={checked: 300}"),
)
LIVE = re.compile(r" *[0-9.]+ s  ")  # told while it goes on, on one line however long; the slower, the more of them
ENDLESS = ("--set", "load.warm-up.duration=10m")


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with kept(PETS) as target:
        yield target


def inputs(folder: Path) -> list[Any]:
    return [(line["seq"], line["request"], line["identity"], line["vars"]) for line in history(folder)]


def test_pets_pass_on_the_embedded_stack(tmp_path: Path) -> None:
    ended = loadcheck("run", PETS, *SHORT, "--seed", 7, "--out", tmp_path / "run")
    assert ended.code == 0, ended.text
    assert "verdict: pass" in ended.out
    report = [line for line in ended.out.splitlines() if str(tmp_path) not in line and not LIVE.match(line)]
    assert max(map(len, report)) <= 80, ended.out
    told = summary(tmp_path / "run")
    assert (told["verdict"], told["exit_code"], told["seed"], told["scenario"]) == ("pass", 0, 7, "pets")
    counts = told["exchanges"]
    assert counts["sent"] == counts["ok"] + counts["violation"] + counts["unknown"] >= 1560
    assert {"200", "206", "401", "403"} <= told["statuses"].keys()
    assert told["coverage"]["handoffs"] > 1000
    pairs = told["coverage"]["pairs"]
    assert sum(pair["handoffs"] for pair in pairs) == told["coverage"]["handoffs"]
    assert len(pairs) == told["coverage"]["distinct_handoffs"] > 10
    assert [span["name"] for span in told["coverage"]["phases"]] == ["warm-up", "alone", "crowd", "arrivals"]
    shapes = told["coverage"]["requests"]
    assert 4 <= shapes["list"]["planned"] <= told["coverage"]["backends"]
    assert shapes["list"]["exposed"] > shapes["one"]["exposed"]
    assert 0 < shapes["list"]["leak_rate_upper_95"] < 0.05
    assert told["canaries"]["caught"] == told["canaries"]["planted"] > 0
    assert 0 < told["leak_rate_upper_95"] < 0.01
    assert len(history(tmp_path / "run")) == counts["sent"] + told["warm_up"]["sent"]


def test_the_same_seed_sends_the_same_inputs_by_any_transport_and_another_seed_others(
    target: Target, tmp_path: Path
) -> None:
    for name, seed, transport in (("one", 3, "wire"), ("again", 3, "aiohttp"), ("other", 4, "wire")):
        options = ("--seed", seed, "--transport", transport, "--out", tmp_path / name)
        ended = loadcheck("run", PETS, *target.options, *SHORTER, *options)
        assert ended.code == 0, ended.text
    one, again, other = (inputs(tmp_path / name) for name in ("one", "again", "other"))
    both = min(len(one), len(again))
    assert both > 360
    assert one[:both] == again[:both]
    assert one[:both] != other[:both]


@pytest.mark.parametrize(
    ("leak", "victim", "source"),
    [("A1", "no-claim", "keeper"), ("A2", None, "keeper"), ("A3", None, None)],
)
def test_a_leak_fails_and_names_victim_and_source(
    leak: str, victim: str | None, source: str | None, tmp_path: Path
) -> None:
    ended = loadcheck("run", SCENARIOS / "leaks" / leak / "leak.yaml", *FEW, "--seed", 1, "--out", tmp_path / "run")
    assert ended.code == 1, ended.text
    told = summary(tmp_path / "run")
    assert told["verdict"] == "fail"
    leaks = [each for each in told["findings"] if each["symptom"] in {"swapped", "foreign-rows"}]
    assert leaks
    for each in leaks:
        assert each["source"] is not None
        assert each["source"]["claims"] != each["victim"]["claims"]
    assert victim is None or {each["victim"]["identity"] for each in leaks} == {victim}
    assert source is None or {each["source"]["identity"] for each in leaks} == {source}
    assert "verdict: fail" in ended.out
    assert "curl" in ended.out


@pytest.mark.parametrize("leak", ["A1", "A2", "A3"])
def test_the_repaired_twin_of_a_leak_passes(leak: str, tmp_path: Path) -> None:
    ended = loadcheck("run", SCENARIOS / "leaks" / leak / "fixed.yaml", *FEW, "--seed", 1, "--out", tmp_path / "run")
    assert ended.code == 0, ended.text
    assert summary(tmp_path / "run")["findings"] == []


def test_policy_by_current_user_cannot_tell_identities_apart_and_says_so(tmp_path: Path) -> None:
    ended = loadcheck("run", SCENARIOS / "pets-current-user.yaml", "--out", tmp_path / "run")
    assert ended.code == 2, ended.text
    assert "every identity expects the same rows" in ended.out


def test_an_interrupt_before_it_has_begun_is_told_by_the_exit_code_alone() -> None:
    command = [sys.executable, "-m", "tests.cli.interrupted", "run", str(PETS)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_the_first_interrupt_ends_the_load_and_still_reports(target: Target, tmp_path: Path) -> None:
    with started("run", PETS, *target.options, *ENDLESS, "--out", tmp_path / "run") as process:
        read_until(process, "warm-up:")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "verdict: inconclusive" in out
    assert summary(tmp_path / "run")["exit_code"] == 130


def test_the_second_interrupt_leaves_at_once_and_leaves_nothing_running(tmp_path: Path) -> None:
    with started("run", PETS, "--set", "target.timeout=60s", *ENDLESS, "--out", tmp_path / "run") as process:
        read_until(process, "warm-up:")
        servers = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert summary(tmp_path / "run")["exit_code"] == 130
    assert gone(servers)


def test_a_violation_wins_over_the_interrupts_and_is_written_down(tmp_path: Path) -> None:
    leak = SCENARIOS / "leaks" / "A1" / "leak.yaml"
    with started("run", leak, "--duration", "10m", "--out", tmp_path / "run") as process:
        read_until(process, "violation:")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, out
    told = summary(tmp_path / "run")
    assert told["findings"]
    assert "the run was interrupted" in told["reasons"]


@pytest.mark.parametrize("signals", [1, 2])
def test_interrupts_end_the_questions_about_findings_and_lose_none(signals: int, tmp_path: Path) -> None:
    with started("run", SCENARIOS / "leaks" / "A1" / "leak.yaml", "--out", tmp_path / "run") as process:
        read_until(process, "asking about the findings again")
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, out
    assert "looking for the fewest exchanges" not in out
    told = summary(tmp_path / "run")
    assert told["findings"]
    assert "the run was interrupted" in told["reasons"]


def test_killed_with_sigkill_no_server_is_left(tmp_path: Path) -> None:
    with started("run", PETS, *ENDLESS, "--out", tmp_path / "run") as process:
        read_until(process, "warm-up:")
        servers = descendants(process.pid)
        assert {"postgres", "pgbouncer", "postgrest"} <= set(servers.values())
        process.kill()
        process.wait()
        assert gone(servers)
    assert not (tmp_path / "run" / "summary.json").exists()


def test_a_threshold_that_does_not_hold_is_told_apart_from_a_violation(target: Target, tmp_path: Path) -> None:
    options = (*SHORTER, "--set", "thresholds.p50=0.001ms", "--out", tmp_path / "run")
    ended = loadcheck("run", PETS, *target.options, *options)
    assert ended.code == 3, ended.text
    assert "p50" in ended.out


def test_a_threshold_without_a_sample_is_inconclusive(tmp_path: Path) -> None:
    unstamped = ("--set", "stack.stamp=false", "--set", "thresholds.handoffs=1")
    ended = loadcheck("run", PETS, *SHORTER, *unstamped, "--out", tmp_path / "run")
    assert ended.code == 2, ended.text
    assert "threshold handoffs has no sample" in ended.out
    assert summary(tmp_path / "run")["coverage"]["handoffs"] is None
