"""`loadcheck run --workers`: several processes, one run."""

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import PATIENCE_S, SCENARIOS, bad_tokens_weigh, history, loadcheck, read_until, started, summary
from tests.cli.processes import descendants, gone
from tests.stack.watching import becomes

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


def aimed_at(stack: EmbeddedStack) -> tuple[str, ...]:
    secret = stack.jwt.secret.get_secret_value()
    return ("--url", stack.url, "--database", stack.database, "--jwt-secret", secret)


@pytest.fixture
def running(tmp_path: Path, pets_stack: EmbeddedStack) -> Iterator[subprocess.Popen[str]]:
    """A run of a minute with two workers, which are sending."""
    (tmp_path / "pets.yaml").write_text(SCENARIO)
    with started(
        "run", tmp_path / "pets.yaml", *aimed_at(pets_stack), "--workers", 2, "--out", tmp_path / "run"
    ) as process:
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


FAULTS = """
stack: {pooler: {mode: transaction, size: 4, server_login_retry: 1}}
faults:
  - {do: abort, share: 20%}
  - {do: expire-tokens, share: 20%}
  - {do: oracle-disconnect, at: 0.1s}
  - {do: terminate-backends, at: 0.3s, every: 0.4s}
  - {do: postgrest-restart, at: 1s}
  - {do: rotate-jwt-secret, at: 3s, share: 50%}
  - {do: run, at: 0.2s, for: 0.2s, start: "touch broken", stop: "touch {folder}/mended"}
load: [{name: crowd, concurrency: 8, duration: 10s}]
"""


def test_faults_strike_all_workers_alike_and_are_nobodys_violation(tmp_path: Path) -> None:
    scenario = yaml.safe_load(SCENARIO) | yaml.safe_load(FAULTS)
    scenario["stack"]["sql"] = [str(SCENARIOS / "pets.sql")]
    (tmp_path / "pets.yaml").write_text(yaml.safe_dump(scenario))
    ended = loadcheck("run", tmp_path / "pets.yaml", "--workers", 2, "--out", tmp_path / "run")
    assert ended.code == 0, ended.text
    told, lines = summary(tmp_path / "run"), history(tmp_path / "run")
    assert counted(told) == len(lines)
    tolls = {toll["do"]: toll for toll in told["faults"]}
    assert {name for name, toll in tolls.items() if not toll["times"] or toll["failed"]} == set()
    struck = {name for name, toll in tolls.items() if toll["recovered"]}
    assert struck == {"terminate-backends", "postgrest-restart", "rotate-jwt-secret", "run"}
    assert tolls["terminate-backends"]["times"] > 5
    assert {(tmp_path / name).exists() for name in ("broken", "mended")} == {True}
    for worker in (0, 1):
        own = Counter((line.get("fault"), line["verdict"]) for line in lines if line["seq"] % 2 == worker)
        assert own["expire-tokens", "ok"] > 0
        assert own["rotate-jwt-secret", "ok"] > 0
        assert any(fault == "terminate-backends" for fault, _ in own)
    again = loadcheck("recheck", tmp_path / "run")
    assert again.code == 0, again.text


def test_a_fault_is_told_after_the_phase_in_which_it_strikes(tmp_path: Path, pets_stack: EmbeddedStack) -> None:
    fault = {"do": "run", "at": "0.1s", "for": "0.1s", "start": "true", "stop": "true"}
    load = [{"name": "crowd", "concurrency": 2, "duration": "2s"}]
    (tmp_path / "pets.yaml").write_text(yaml.safe_dump({**yaml.safe_load(SCENARIO), "load": load, "faults": [fault]}))
    out = ("--workers", 2, "--out", tmp_path / "run")
    ended = loadcheck("run", tmp_path / "pets.yaml", *aimed_at(pets_stack), *out)
    assert ended.code == 0, ended.text
    assert ended.text.index("s  crowd: concurrency 2") < ended.text.index("fault: run")


def test_an_old_token_that_is_still_taken_is_found_by_workers(tmp_path: Path) -> None:
    leak, out = SCENARIOS / "leaks/H1/leak.yaml", tmp_path / "run"
    ended = loadcheck("run", leak, "--seed", 1, "--workers", 2, "--no-reproduce", "--out", out)
    assert ended.code == 1, ended.text
    assert {one["symptom"] for one in summary(out)["findings"]} == {"accepted-token"}


def test_workers_hunt_at_fresh_backends_too(tmp_path: Path) -> None:
    short = ("--set", "load.alone.requests=40", "--set", "load.crowd.requests=3000")
    hunting = ("--set", "hunt.share=100%", "--set", "hunt.cold=20%", "--set", "hunt.aborts=0")
    fixed, out = SCENARIOS / "leaks/A1/fixed.yaml", tmp_path / "run"
    ended = loadcheck("run", fixed, *short, *hunting, "--workers", 2, "--out", out)
    assert ended.code == 0, ended.text
    told = summary(out)
    assert told["coverage"]["backends"] > 4
    assert not any("first use" in spot for spot in told["blind_spots"])


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_mends_what_is_broken_at_once(workers: int, tmp_path: Path, pets_stack: EmbeddedStack) -> None:
    """What is under way hangs until then: here at a PostgreSQL that stands still."""
    fault = {"do": "run", "at": "0.5s", "for": "10m", "start": "sh stop.sh STOP", "stop": "sh stop.sh CONT"}
    scenario = yaml.safe_load(SCENARIO) | {"faults": [fault], "target": {"timeout": "10m"}}
    (tmp_path / "pets.yaml").write_text(yaml.safe_dump(scenario))
    (tmp_path / "stop.sh").write_text(f"kill -$1 {pets_stack.pids['pgbouncer']} && touch $1")
    out = ("--workers", workers, "--out", tmp_path / "run")
    with started("run", tmp_path / "pets.yaml", *aimed_at(pets_stack), *out) as process:
        assert becomes((tmp_path / "STOP").exists)
        process.send_signal(signal.SIGINT)
        read_until(process, "verdict: ")
        assert process.wait(PATIENCE_S) == 130
    assert (tmp_path / "CONT").exists()
    assert not any(line.get("lost") for line in history(tmp_path / "run"))


@pytest.mark.parametrize(("workers", "signals"), [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_a_command_that_mends_is_never_cut_off(
    workers: int, signals: int, tmp_path: Path, pets_stack: EmbeddedStack
) -> None:
    """Neither as the load ends while it runs, nor by those who cannot wait: their target would stay broken."""
    fault = {"do": "run", "at": "0.1s", "for": "0.1s", "start": "true", "stop": "sh mend.sh"}
    load = {"load": [{"name": "long", "concurrency": 3, "duration": "60s"}]}
    (tmp_path / "pets.yaml").write_text(yaml.safe_dump(yaml.safe_load(SCENARIO) | load | {"faults": [fault]}))
    (tmp_path / "mend.sh").write_text("touch mending && read line < go && touch mended")
    os.mkfifo(tmp_path / "go")
    go = os.open(tmp_path / "go", os.O_RDWR)
    out = ("--workers", workers, "--out", tmp_path / "run")
    with started("run", tmp_path / "pets.yaml", *aimed_at(pets_stack), *out) as process:
        assert becomes((tmp_path / "mending").exists)
        process.send_signal(signal.SIGINT)
        read_until(process, " ok, ")
        for _ in range(signals - 1):
            process.send_signal(signal.SIGINT)
        os.write(go, b"\n")
        assert process.wait(PATIENCE_S) == 130
    os.close(go)
    assert (tmp_path / "mended").exists()


def test_ctrl_c_lets_workers_that_are_stopping_already_end_in_order(
    tmp_path: Path, running: subprocess.Popen[str], pets_stack: EmbeddedStack
) -> None:
    """What is under way hangs until then, at a PgBouncer that stands still."""
    pgbouncer = pets_stack.pids["pgbouncer"]
    os.kill(pgbouncer, signal.SIGSTOP)
    try:
        os.kill(next(iter(workers_of(running.pid))), signal.SIGKILL)
        read_until(running, "stopping: worker")
        running.send_signal(signal.SIGINT)
        read_until(running, "stopping: what is under way")
    finally:
        os.kill(pgbouncer, signal.SIGCONT)
    read_until(running, "verdict: ")
    assert running.wait(PATIENCE_S) == 130
    assert not any(line.get("lost") for line in history(tmp_path / "run"))


def test_whoever_leaves_at_once_is_still_told_what_came_of_the_phase(
    running: subprocess.Popen[str], pets_stack: EmbeddedStack
) -> None:
    pgbouncer = pets_stack.pids["pgbouncer"]
    os.kill(pgbouncer, signal.SIGSTOP)
    try:
        running.send_signal(signal.SIGINT)
        read_until(running, "stopping: what is under way")
        running.send_signal(signal.SIGINT)
        assert re.search(r" s  long: [\d,]+ ok", read_until(running, "verdict: "))
        assert running.wait(PATIENCE_S) == 130
    finally:
        os.kill(pgbouncer, signal.SIGCONT)


def test_no_signal_takes_the_report_from_whoever_does_not_wait_for_a_worker_that_hangs(
    tmp_path: Path, running: subprocess.Popen[str], pets_stack: EmbeddedStack
) -> None:
    def left() -> bool:
        """Whether the other worker has left what was under way."""
        return any(line.get("lost") for line in history(tmp_path / "run"))

    pgbouncer = pets_stack.pids["pgbouncer"]
    os.kill(pgbouncer, signal.SIGSTOP)
    try:
        os.kill(next(iter(workers_of(running.pid))), signal.SIGSTOP)
        running.send_signal(signal.SIGINT)
        read_until(running, "stopping: what is under way")
        running.send_signal(signal.SIGINT)
        assert becomes(left)
        running.send_signal(signal.SIGINT)
        told = read_until(running, "verdict: ")
        assert running.wait(PATIENCE_S) == 130
    finally:
        os.kill(pgbouncer, signal.SIGCONT)
    assert "verdict: " in told
    doubts = " ".join(summary(tmp_path / "run")["reasons"])
    assert re.search(r"worker \d did not end in time: what it had done since its last report is not counted", doubts)


def test_exchanges_in_their_order_are_for_one_worker(tmp_path: Path) -> None:
    listed = {"name": "order", "concurrency": 1, "exchanges": [{"request": "list", "identity": "keeper#1"}]}
    (tmp_path / "pets.yaml").write_text(yaml.safe_dump({**yaml.safe_load(SCENARIO), "load": [listed]}))
    ended = loadcheck("run", tmp_path / "pets.yaml", "--workers", 2, "--out", tmp_path / "run")
    assert ended.code == 4
    assert "--workers 2 is for load that is drawn: this scenario lists its exchanges in their order" in ended.err
    assert not (tmp_path / "run").exists()
