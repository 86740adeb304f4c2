"""`loadcheck run --workers`: several processes, one run."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import PATIENCE_S, SCENARIOS, bad_tokens_weigh, history, loadcheck, read_until, started, summary
from tests.cli.processes import descendants, gone

PETS = SCENARIOS / "pets.yaml"
SHORT = (
    *("--set", "load.warm-up.duration=300ms"),
    *("--set", "load.alone.requests=61"),
    *("--set", "load.crowd.requests=801"),
    *("--set", "load.arrivals.duration=1s"),
    *("--set", "load.arrivals.arrivals=constant"),
    *("--set", "thresholds={checked: 700, identities: 200}"),  # none that a busy machine could break
    *bad_tokens_weigh(3),
)
SCENARIO = """
name: pets
identities:
  - {name: keeper, count: 8, claims: {role: role_readwrite, user_type: "tenant-{n}"}}
requests:
  - name: list
    get: /pets?select=id,name,keeper&order=id
    expect: {rows: "SELECT id, name, keeper FROM pets WHERE keeper = :user_type ORDER BY id"}
load:
  - {name: first, concurrency: 2, requests: 60}
  - {name: long, concurrency: 3, duration: 60s}
hunt: {share: 0}
"""


def counted(told: dict[str, Any]) -> int:
    counts: dict[str, int] = told["exchanges"]
    assert counts["sent"] == counts["ok"] + counts["violation"] + counts["unknown"]
    return counts["sent"] + int(told["warm_up"]["sent"])


def workers_of(pid: int) -> dict[int, str]:
    def is_worker(child: int) -> bool:
        return b"loadcheck.run.workers.worker" in Path(f"/proc/{child}/cmdline").read_bytes()

    return {child: name for child, name in descendants(pid).items() if is_worker(child)}


def test_two_workers_make_one_run_of_the_phases_as_they_are(tmp_path: Path) -> None:
    ended = loadcheck("run", PETS, *SHORT, "--seed", 7, "--workers", 2, "--out", tmp_path / "run")
    assert ended.code == 0, ended.text
    told, lines = summary(tmp_path / "run"), history(tmp_path / "run")
    assert told["verdict"] == "pass"
    assert counted(told) == len(lines) == told["history"]["lines"]
    assert len({line["seq"] for line in lines}) == len(lines)
    phases = {phase["name"]: phase for phase in told["phases"]}
    assert (phases["alone"]["sent"], phases["crowd"]["sent"]) == (61, 801)
    assert phases["arrivals"]["sent"] + phases["arrivals"]["missed"] == 150
    assert told["coverage"]["handoffs"] > 500
    assert told["coverage"]["requests"]["filtered"]["exposed"] > 0
    assert told["canaries"]["caught"] == told["canaries"]["planted"] > 0
    again = loadcheck("recheck", tmp_path / "run")
    assert again.code == 0, again.text
    assert "every verdict is the run's own" in again.out.replace("\n", " ")


def test_a_leak_across_workers_is_found_and_told_once(tmp_path: Path) -> None:
    leak, out = SCENARIOS / "leaks/A1/leak.yaml", tmp_path / "run"
    ended = loadcheck("run", leak, "--seed", 1, "--workers", 2, "--no-reproduce", "--out", out)
    assert ended.code == 1, ended.text
    told, lines = summary(out), history(out)
    assert counted(told) == len(lines)
    leaks = [one for one in told["findings"] if one["symptom"] in {"swapped", "foreign-rows"}]
    assert {(one["victim"]["identity"], one["source"]["identity"]) for one in leaks} == {("no-claim", "keeper")}
    kinds = [(one["symptom"], one["cause"], one["request"], one["victim"]["identity"]) for one in told["findings"]]
    assert len(set(kinds)) == len(kinds)
    assert sum(one["count"] for one in told["findings"]) == sum(line["verdict"] == "violation" for line in lines)


@pytest.fixture
def running(tmp_path: Path, pets_stack: EmbeddedStack) -> Iterator[subprocess.Popen[str]]:
    """A run of a minute with two workers, which are sending."""
    (tmp_path / "pets.yaml").write_text(SCENARIO)
    secret = pets_stack.jwt.secret.get_secret_value()
    target = ("--url", pets_stack.url, "--database", pets_stack.database, "--jwt-secret", secret)
    with started("run", tmp_path / "pets.yaml", *target, "--workers", 2, "--out", tmp_path / "run") as process:
        read_until(process, "first: 60 ok")
        yield process


def test_ctrl_c_ends_all_workers_in_order(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    workers = workers_of(running.pid)
    running.send_signal(signal.SIGINT)
    read_until(running, "verdict: ")
    assert running.wait(PATIENCE_S) == 130
    assert len(workers) == 2
    assert gone(workers)
    assert counted(summary(tmp_path / "run")) == len(history(tmp_path / "run"))


def test_a_killed_worker_ends_the_run_without_a_verdict_and_leaves_nothing(running: subprocess.Popen[str]) -> None:
    everything = descendants(running.pid)
    os.kill(next(iter(workers_of(running.pid))), signal.SIGKILL)
    told = read_until(running, "verdict: inconclusive, exit 2")
    assert running.wait(PATIENCE_S) == 2
    assert "was killed (SIGKILL)" in told
    assert gone(everything)


def test_workers_end_with_a_run_that_is_killed(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    workers = workers_of(running.pid)
    running.kill()
    running.wait(PATIENCE_S)
    assert gone(workers)
    assert loadcheck("recheck", tmp_path / "run").code == 2


def test_what_one_process_must_keep_track_of_is_refused(tmp_path: Path) -> None:
    ended = loadcheck("run", SCENARIOS / "ledger.yaml", "--workers", 2, "--out", tmp_path / "run")
    assert ended.code == 4
    assert "--workers 2 is for scenarios that only read: this one writes" in ended.err
    assert not (tmp_path / "run").exists()
