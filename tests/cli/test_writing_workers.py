"""`loadcheck run --workers` of scenarios that write: each row is judged by the worker that wrote it."""

import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from loadcheck.scenario.load import load
from loadcheck.selftest.expected import Expected
from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import PATIENCE_S, SCENARIOS, history, loadcheck, read_until, started, summary
from tests.cli.test_workers import aimed_at, counted, workers_of
from tests.gallery import LEAKS
from tests.stack.watching import becomes

LEDGER = SCENARIOS / "ledger.yaml"
SCENARIO = """
name: writing
tables:
  entries: {mark: note, owner: {tenant: "{tenant}"}, key: slot}
identities:
  - {name: tenant, count: 8, claims: {role: role_readwrite, tenant: "tenant-{n}"}}
requests:
  - name: append
    post: /entries
    body: {slot: "{slot}", account: cash, amount: 1, note: "{mark}"}
    vars: {slot: uuid}
    writes: {table: entries, row: "{slot}"}
    expect: {status: 201}
  - {name: mine, get: "/entries?select=slot,tenant,note", expect: {written: {table: entries}}}
load:
  - {name: first, concurrency: 2, requests: 60}
  - {name: long, concurrency: 4, duration: 4s}
hunt: {share: 0}
"""
SHOWN = "- name: append\n    headers: {Prefer: return=representation}"  # whoever writes a row has seen it
LEFT = "SELECT count(*) FROM entries WHERE note LIKE 'lc-%'"
# What the oracle's role reads from the table, or deletes, waits for as long as somebody holds a lock.
GATE = """
ALTER TABLE entries RENAME TO kept_entries;
CREATE FUNCTION gate() RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN IF current_user = 'role_admin' THEN PERFORM pg_advisory_xact_lock_shared(42); END IF; RETURN true; END $$;
CREATE VIEW entries WITH (security_invoker) AS SELECT * FROM kept_entries WHERE gate();
GRANT SELECT, INSERT ON entries TO role_readwrite;
"""
# Without a token everything is open: who has none gives himself the rows of whomever he names.
OPEN = """
DROP POLICY entries_of_the_tenant ON entries;
CREATE POLICY entries_open ON entries TO role_readwrite
    USING (tenant = coalesce(current_setting('request.jwt.claims', true)::json ->> 'tenant', tenant));
"""
STRANGERS = """
name: strangers
stack:
  sql: [{ledger}, open.sql]
  owner: role_admin
  role: role_readwrite
  pooler: {mode: transaction, size: 4}
  postgrest: {db-anon-role: role_readwrite}
tables:
  entries: {mark: note, owner: {tenant: "{tenant}"}, key: slot}
identities:
  - {name: tenant, weight: 4, count: 4, claims: {role: role_readwrite, tenant: "tenant-{n}"}}
  - name: stranger
    from: SELECT 'tenant-' || n AS tenant FROM generate_series(4, 1, -1) AS n
    token: missing
    expect: {status: 401}
requests:
  - name: set
    weight: 5
    post: /entries?on_conflict=tenant,slot
    headers: {Prefer: "resolution=merge-duplicates,return=representation"}
    body: {tenant: "{tenant}", slot: "{slot}", account: cash, amount: 1, note: "{mark}"}
    vars: {slot: {int: [1, 6]}}
    writes: {table: entries, row: "{slot}"}
    expect: {status: [200, 201]}
  - name: remove
    weight: 2
    delete: /entries?tenant=eq.{tenant}&slot=eq.{slot}
    vars: {slot: {int: [1, 6]}}
    writes: {table: entries, row: "{slot}"}
    expect: {status: [200, 204]}
  - name: mine
    weight: 5
    get: /entries?select=slot,tenant,note
    as: [tenant]
    expect: {written: {table: entries}}
load:
  - {name: crowd, concurrency: 8, requests: 1000}
"""
WAITING = "SELECT count(*) FROM pg_stat_activity, pg_sleep(0.01) WHERE wait_event = 'advisory' AND query LIKE $1"


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[EmbeddedStack]:
    async with embedded(load(LEAKS / "W1/fixed.yaml").scenario, LEAKS / "W1") as running:
        yield running


@asynccontextmanager
async def owner_of(stack: EmbeddedStack) -> AsyncIterator[asyncpg.Connection]:
    owner = await asyncpg.connect(stack.database)
    try:
        yield owner
    finally:
        await owner.close()


def test_two_workers_account_for_every_write_under_faults(tmp_path: Path) -> None:
    faults = "[{do: terminate-backends, at: 1s}, {do: postgres-restart, at: 2s}, {do: abort, at: 4s, for: 1s}]"
    short = ("--set", "load.crowd.duration=6s", "--set", f"faults={faults}", "--set", "thresholds={checked: 500}")
    out = tmp_path / "run"
    ended = loadcheck("run", LEDGER, *short, "--set", "audit=2s", "--seed", 11, "--workers", 2, "--out", out)
    assert ended.code == 0, ended.text
    told = summary(out)
    counted(told)
    assert (told["exchanges"]["violation"], told["findings"]) == (0, [])
    writes = told["writes"]
    assert writes["accounted"] == writes["acknowledged"] - writes["undecided"] > 300
    assert writes["unknown"] > 0
    assert writes["audits"] > 1
    again = loadcheck("recheck", out)
    assert again.code == 0, again.text
    assert "every verdict is the run's own" in again.out.replace("\n", " ")


async def test_a_killed_worker_leaves_no_rows_and_no_writes_accounted_for(tmp_path: Path, stack: EmbeddedStack) -> None:
    (tmp_path / "writing.yaml").write_text(SCENARIO)
    options = (*aimed_at(stack), "--allow-writes", "--workers", 2, "--out", tmp_path / "run")
    with started("run", tmp_path / "writing.yaml", *options) as running:
        read_until(running, "first: 60 ok")
        os.kill(next(iter(workers_of(running.pid))), signal.SIGKILL)
        told = read_until(running, "verdict: inconclusive, exit 2")
        assert running.wait(PATIENCE_S) == 2
    assert re.search(r"worker \d was killed \(SIGKILL\)", told)
    assert "is not accounted for" in told
    assert summary(tmp_path / "run")["writes"]["accounted"] == 0
    async with owner_of(stack) as owner:
        assert await owner.fetchval(LEFT) == 0


async def test_whoever_misses_rows_does_not_wait_for_a_worker_that_hangs(tmp_path: Path, stack: EmbeddedStack) -> None:
    """Who removed them is not known then, which is no violation and no pass."""

    def undecided() -> bool:
        lines = history(tmp_path / "run")
        return any("did not answer" in line.get("reason", "") for line in lines if line["verdict"] == "unknown")

    endless = SCENARIO.replace("duration: 4s", "duration: 10m")  # only Ctrl-C ends it, however slow the machine is
    (tmp_path / "writing.yaml").write_text(endless.replace("- name: append", SHOWN))
    options = (*aimed_at(stack), "--allow-writes", "--workers", 2, "--out", tmp_path / "run")
    with started("run", tmp_path / "writing.yaml", *options) as running:
        read_until(running, "first: 60 ok")
        os.kill(next(iter(workers_of(running.pid))), signal.SIGSTOP)
        async with owner_of(stack) as owner:
            await owner.execute(LEFT.replace("SELECT count(*)", "DELETE"))
        assert becomes(undecided)
        running.send_signal(signal.SIGINT)
        read_until(running, "stopping: what is under way")
        running.send_signal(signal.SIGINT)
        read_until(running, "verdict: inconclusive")
        assert running.wait(PATIENCE_S) == 130
    unknown = r"who removed it is not known: worker \d did not answer within 10 s"
    written = summary(tmp_path / "run")
    assert any(re.search(unknown, reason) for reason in written["reasons"])
    assert (written["exchanges"]["violation"], written["findings"]) == (0, [])
    assert any(re.search(unknown, doubt) for doubt in written["writes"]["doubts"])


@pytest.fixture
async def gated(tmp_path: Path) -> AsyncIterator[EmbeddedStack]:
    (tmp_path / "gate.sql").write_text(GATE)
    scenario = load(LEAKS / "W1/fixed.yaml").scenario
    files = [SCENARIOS / "ledger.sql", tmp_path / "gate.sql"]
    changed = scenario.stack.model_copy(update={"sql": [str(file) for file in files]})
    async with embedded(scenario.model_copy(update={"stack": changed}), tmp_path) as running:
        yield running


@pytest.mark.parametrize("workers", [1, 2])
async def test_ctrl_c_ends_the_last_audit_and_leaves_a_doubt(
    workers: int, tmp_path: Path, gated: EmbeddedStack
) -> None:
    (tmp_path / "writing.yaml").write_text(SCENARIO)
    options = (*aimed_at(gated), "--allow-writes", "--workers", workers, "--out", tmp_path / "run")
    with started("run", tmp_path / "writing.yaml", *options) as running:
        read_until(running, "first: 60 ok")
        async with owner_of(gated) as owner:
            await owner.execute("SELECT pg_advisory_lock(42)")
            while await owner.fetchval(WAITING, "FETCH%") < workers:
                assert running.poll() is None
            running.send_signal(signal.SIGINT)
            while not await owner.fetchval(WAITING, "DELETE%"):
                assert running.poll() is None
        read_until(running, "verdict: ")
        assert running.wait(PATIENCE_S) == 130
    assert summary(tmp_path / "run")["writes"]["doubts"] == ["the tables could not be audited to the end: interrupted"]
    async with owner_of(gated) as owner:
        assert await owner.fetchval(LEFT) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_token_that_should_have_been_refused_is_all_that_is_wrong_with_its_writes(
    workers: int, tmp_path: Path
) -> None:
    (tmp_path / "open.sql").write_text(OPEN)
    (tmp_path / "strangers.yaml").write_text(STRANGERS.replace("{ledger}", str(SCENARIOS / "ledger.sql")))
    options = ("--seed", 1, "--no-reproduce", "--workers", workers, "--out", tmp_path / "run")
    ended = loadcheck("run", tmp_path / "strangers.yaml", *options)
    assert ended.code == 1, ended.text
    told = summary(tmp_path / "run")
    assert {(one["symptom"], one["victim"]["identity"]) for one in told["findings"]} == {("accepted-token", "stranger")}
    assert told["writes"]["accounted"] == told["writes"]["acknowledged"] > 300
    assert told["writes"]["wrong"] == 0


def test_more_workers_than_owners_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "run"
    ended = loadcheck("run", LEAKS / "W1/fixed.yaml", "--workers", 9, "--out", out)
    assert ended.code == 4
    assert "the identities of 'tenant' are 8 groups" in ended.err.replace("\n", " ")
    assert "Nothing was sent. Use --workers 8" in ended.err
    assert not out.exists()


@pytest.mark.gallery
@pytest.mark.parametrize("name", ["W1", "W2", "W3", "W4"])
def test_workers_find_what_one_finds_and_no_fault_with_the_twin(name: str, tmp_path: Path) -> None:
    leak = loadcheck("run", LEAKS / name / "leak.yaml", "--seed", 1, "--workers", 2, "--out", tmp_path / "leak")
    assert leak.code == 1, leak.text
    told = summary(tmp_path / "leak")
    counted(told)
    assert list(Expected.of(LEAKS / name).shortfalls(told["findings"])) == [], leak.text
    fixed = loadcheck("run", LEAKS / name / "fixed.yaml", "--seed", 1, "--workers", 2, "--out", tmp_path / "fixed")
    assert fixed.code == 0, fixed.text
    writes = summary(tmp_path / "fixed")["writes"]
    assert writes["accounted"] == writes["acknowledged"]
    for each, code in (("leak", 1), ("fixed", 0)):
        assert loadcheck("recheck", tmp_path / each).code == code
