"""`loadcheck run` on the embedded stack, a server of which is killed from outside while the load goes on."""

import os
import signal
from pathlib import Path

import pytest
import yaml

from tests.cli.command import PATIENCE_S, SCENARIOS, history, read_until, started
from tests.cli.processes import descendants
from tests.stack.watching import parent

SCENARIO = """
name: pets
target: {timeout: 2s} # for what waits then for a server that is gone
stack: {pooler: {mode: transaction, size: 4}}
identities:
  - {name: keeper, count: 8, claims: {role: role_readwrite, user_type: "tenant-{n}"}}
requests:
  - name: list
    get: /pets?select=id,name,keeper&order=id
    expect: {rows: "SELECT id, name, keeper FROM pets WHERE keeper = :user_type ORDER BY id"}
load:
  - {name: first, concurrency: 24, requests: 600}
  - {name: long, concurrency: 24, duration: 10m}
hunt: {share: 0}
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("program", ["postgres", "pgbouncer"])
def test_a_server_that_is_killed_leaves_no_verdict_and_blames_nobody(
    program: str, workers: int, tmp_path: Path
) -> None:
    scenario = yaml.safe_load(SCENARIO)
    scenario["stack"]["sql"] = [str(SCENARIOS / "pets.sql")]
    (tmp_path / "pets.yaml").write_text(yaml.safe_dump(scenario))
    out = tmp_path / "run"
    with started("run", tmp_path / "pets.yaml", "--workers", workers, "--out", out) as process:
        read_until(process, "first: 600 ok")
        os.kill(server(program, process.pid), signal.SIGKILL)
        told, _ = process.communicate(timeout=PATIENCE_S)
    assert [line for line in history(out) if line["verdict"] == "violation"] == []
    assert process.returncode == 5, told
    assert "of the embedded stack was ended by signal 9" in told


def server(program: str, run: int) -> int:
    """Return the first process of a program that a run has started; PostgreSQL's has others below it."""
    names = descendants(run)
    return next(pid for pid, name in names.items() if name == program and names.get(parent(pid)) != program)
