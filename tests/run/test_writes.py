"""A run that writes: what it finds wrong in the tables, what it leaves there, and where it refuses to begin."""

import asyncio
import errno
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from loadcheck.clock import SystemClock
from loadcheck.engine.events import Exchange
from loadcheck.errors import EnvironmentProblem, UsageProblem
from loadcheck.identity.population import populate
from loadcheck.judge.inspection import Inspection
from loadcheck.judge.verdict import Verdict
from loadcheck.oracle.database import Database
from loadcheck.oracle.marks import Marks
from loadcheck.oracle.written import WrittenTable
from loadcheck.record.chunk_file import unwritable
from loadcheck.record.history import History
from loadcheck.record.stored import StoredFinding
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.html.violations import violations
from loadcheck.run.faults.powers import Powers
from loadcheck.run.judging.accounts import Accounts
from loadcheck.run.judging.caretaker import Caretaker
from loadcheck.run.judging.naming import Naming
from loadcheck.run.run import Ended
from loadcheck.run.stored.recheck import recheck
from loadcheck.scenario.load import load
from loadcheck.scenario.writes import Table
from loadcheck.selftest.expected import main
from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import SCENARIOS
from tests.pets import pets
from tests.run.test_run import Told, run

_MS = 0.001
HEAD = """
name: writing
tables:
  entries: {mark: note, owner: {tenant: "{tenant}"}, key: slot}
identities:
  - {name: tenant, count: 4, claims: {role: role_readwrite, tenant: "tenant-{n}"}}
hunt: {share: 0}
requests:
  - name: set
    weight: 10
    post: /entries?on_conflict=tenant,slot
    headers: {Prefer: resolution=merge-duplicates}
    body: {slot: "{slot}", account: cash, amount: 1, note: "{mark}"}
    vars: {slot: {int: [1, 6]}}
    writes: {table: entries, row: "{slot}"}
    expect: {status: [200, 201]}
"""
MINE = """
  - {name: mine, weight: 5, get: "/entries?select=slot,tenant,note", expect: {written: {table: entries}}}
"""
CLEAR = """
  - {name: clear, delete: /entries, writes: {table: entries}, expect: {status: 204}}
"""
LOAD = "{name: all, concurrency: 8, requests: 300}"
DROPS = """
CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF new.slot = '3' THEN RETURN NULL; END IF; RETURN new; END $$;
CREATE TRIGGER break BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION break();
"""
GIVES_AWAY = """
CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN UPDATE entries SET tenant = 'tenant-2' WHERE tenant = 'tenant-1' AND slot = new.slot; RETURN NULL; END $$;
CREATE TRIGGER break AFTER INSERT ON entries FOR EACH ROW
    WHEN (new.tenant = 'tenant-1') EXECUTE FUNCTION break();
DELETE FROM entries;
"""
KEEPS = """
CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'nothing is deleted here'; END $$;
CREATE TRIGGER break BEFORE DELETE ON entries FOR EACH STATEMENT EXECUTE FUNCTION break();
"""
WAITS = """
CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN new; END $$;
CREATE TRIGGER break BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION break();
SELECT pg_advisory_lock(42);
"""
TOUCHES_OTHERS = """
CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN UPDATE entries SET amount = amount + 1 WHERE tenant = 'archive-1'; RETURN new; END $$;
CREATE TRIGGER break BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION break();
"""
MENDED = "DROP FUNCTION IF EXISTS break CASCADE"
WRITING = "SELECT count(*) FROM pg_locks WHERE relation = 'entries'::regclass AND mode = 'RowExclusiveLock'"
UNANSWERED = "1 of its writes were not answered, and may still happen for 150 s"
WORKERS = pytest.mark.parametrize("workers", [1, 2])
LEFT = "SELECT count(*) FROM entries WHERE note LIKE 'lc-%'"


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[EmbeddedStack]:
    async with embedded(load(SCENARIOS / "ledger.yaml").scenario, SCENARIOS) as running:
        yield running


@asynccontextmanager
async def changed(stack: EmbeddedStack, sql: str) -> AsyncIterator[asyncpg.Connection]:
    owner = await asyncpg.connect(stack.database)
    try:
        await owner.execute(sql)
        yield owner
    finally:
        await owner.execute(MENDED)
        await owner.close()


def timeless(findings: list[StoredFinding]) -> list[dict[str, object]]:
    """Leave the times out: the history rounds them."""
    return [{name: value for name, value in finding.items() if name != "first_s"} for finding in findings]


def shown(ended: Ended) -> Iterator[str]:
    for finding in ended.findings:
        yield from (*finding["evidence"]["wrong"], *finding["evidence"]["missing"])


@WORKERS
async def test_a_right_server_passes_and_nothing_is_left(workers: int, stack: EmbeddedStack, tmp_path: Path) -> None:
    ended, told = await run(stack, tmp_path, LOAD, scenario=HEAD + MINE + CLEAR, workers=workers)
    writes = ended.summary["writes"]
    assert writes is not None
    assert (ended.findings, ended.summary["exit_code"], writes["drift"], writes["left"]) == ([], 0, [], [])
    assert writes["accounted"] == writes["acknowledged"] > 100
    assert any(step.endswith("rows of this run deleted from entries") for step in told.steps)
    async with changed(stack, MENDED) as owner:
        assert await owner.fetchval(LEFT) == 0


@pytest.mark.parametrize("workers", [1, 4])  # of four, each has the rows of one owner only
async def test_rows_that_are_held_against_another_owner_are_flagged(
    workers: int, stack: EmbeddedStack, tmp_path: Path
) -> None:
    ended, _ = await run(stack, tmp_path, LOAD, scenario=HEAD + MINE, workers=workers)
    canaries = ended.summary["canaries"]
    assert canaries["caught"] == canaries["planted"]
    assert canaries["requests"]["mine"]["planted"] > 0
    assert canaries["requests"]["set"]["planted"] == workers  # in the last audit: its answers show no row
    assert not any("had no canary" in told for told in ended.summary["blind_spots"])


async def test_of_right_answers_with_rows_of_the_run_one_in_200_is_held_against_another_owner(
    stack: EmbeddedStack, tmp_path: Path
) -> None:
    load = "{name: all, concurrency: 8, requests: 1500}"
    ended, _ = await run(stack, tmp_path, load, scenario=HEAD + MINE)
    answers = ended.summary["requests"]["mine"]["ok"]
    assert 400 < answers < 600
    # The first one at once, and none in the audit: no row was made by a request that reads.
    assert 1 < ended.summary["canaries"]["requests"]["mine"]["planted"] <= 1 + answers // 200


async def test_a_judge_that_takes_every_row_for_anybodys_makes_the_run_inconclusive(
    stack: EmbeddedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inspection, "add", lambda *_: None)
    monkeypatch.setattr(Inspection, "missing", lambda *_: iter(()))
    ended, _ = await run(stack, tmp_path, LOAD, scenario=HEAD + MINE)
    assert ended.summary["exit_code"] == 2
    told = "\n".join(ended.summary["reasons"])
    assert "request 'mine' is blind" in told
    assert "request 'set' is blind" in told


@WORKERS
async def test_a_write_that_is_dropped_is_found_by_its_reader(
    workers: int, stack: EmbeddedStack, tmp_path: Path
) -> None:
    async with changed(stack, DROPS):
        ended, _ = await run(stack, tmp_path, LOAD, scenario=HEAD + MINE, workers=workers)
    assert ended.summary["exit_code"] == 1
    assert {finding["symptom"] for finding in ended.findings} == {"lost-write"}
    assert all('"slot": "3"' in row and '"note": "lc-' in row for row in shown(ended))
    again = recheck(tmp_path / "run").summary
    assert (again["exit_code"], again["exchanges"]) == (1, ended.summary["exchanges"])
    assert timeless(recheck(tmp_path / "run").findings) == timeless(ended.findings)


async def test_a_write_that_goes_wrong_with_nobody_else_about_is_the_tables_own_doing(
    stack: EmbeddedStack, tmp_path: Path
) -> None:
    async with changed(stack, DROPS) as owner:
        ended, _ = await run(stack, tmp_path, LOAD, scenario=HEAD + MINE, powers=Powers(freshen=stack.freshen))
        assert await owner.fetchval(LEFT) == 0
    assert {finding["cause"] for finding in ended.findings} == {"policy"}
    assert all("trigger break" in finding["reasoning"][-1] for finding in ended.findings)
    assert all("written again by one caller alone" in finding["reasoning"][1] for finding in ended.findings)


async def test_a_row_that_goes_names_whom_another_worker_has_seen_delete(stack: EmbeddedStack, tmp_path: Path) -> None:
    async with changed(stack, "CREATE POLICY break ON entries FOR DELETE TO role_readwrite USING (true)") as owner:
        try:
            scenario = HEAD + MINE.replace("weight: 5", "weight: 20") + CLEAR
            ended, _ = await run(stack, tmp_path, LOAD, scenario=scenario, workers=4)
        finally:
            await owner.execute("DROP POLICY break ON entries")
    assert ended.summary["exit_code"] == 1
    found = main(ended.findings)
    assert found["symptom"] == "cross-write"
    assert found["source"] is not None
    assert found["source"]["label"] != found["victim"]["label"]  # each worker has one of them


@WORKERS
async def test_what_nobody_reads_is_found_by_the_audit(workers: int, stack: EmbeddedStack, tmp_path: Path) -> None:
    async with changed(stack, DROPS):
        ended, _ = await run(stack, tmp_path, LOAD, scenario=HEAD, workers=workers)
    assert ended.summary["exit_code"] == 1
    assert {(one["symptom"], one["request"]) for one in ended.findings} == {("lost-write", "set")}
    assert ended.summary["writes"] is not None
    assert ended.summary["writes"]["wrong"] == 4
    assert ended.summary["writes"]["accounted"] == ended.summary["writes"]["acknowledged"] - 4
    again = recheck(tmp_path / "run")
    assert (again.summary["exit_code"], timeless(again.findings)) == (1, timeless(ended.findings))
    assert again.wrong is not None
    assert len(again.wrong) == 4
    drawn = violations(StoredRun.read(tmp_path / "run"), _MS)
    assert drawn == [pytest.approx(stretch, abs=_MS) for stretch in violations(again, _MS)]


@pytest.mark.parametrize(("broken", "every"), [(DROPS, "10m"), (DROPS, "1s"), (TOUCHES_OTHERS, "10m")])
async def test_what_an_audit_finds_and_nobody_can_write_down_ends_the_run_at_once(
    broken: str, every: str, stack: EmbeddedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[Verdict] = []

    def full(_history: History, _: Exchange, verdict: Verdict) -> None:
        tries.append(verdict)
        raise unwritable(tmp_path, OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr(History, "audited", full)
    others = "INSERT INTO entries VALUES ('archive-1', 'x', 'cash', 1, 'closed') ON CONFLICT DO NOTHING"
    alone, scenario = "{name: alone, concurrency: 1, duration: 3s}", f"audit: {every}{HEAD}"
    async with changed(stack, f"{others}; {broken}"):
        with pytest.raises(EnvironmentProblem, match="No space left on device"):
            await run(stack, tmp_path, alone, scenario=scenario, powers=Powers(stack.freshen))
    assert len(tries) == 1


@WORKERS
async def test_a_row_that_is_given_away_names_both_and_rows_of_others_that_go_are_drift(
    workers: int, stack: EmbeddedStack, tmp_path: Path
) -> None:
    async with changed(stack, GIVES_AWAY) as owner:
        await owner.execute("INSERT INTO entries VALUES ('archive-1', 'x', 'cash', 1, 'closed')")
        removing = asyncio.create_task(_remove_once_written(owner))
        ended, _ = await run(stack, tmp_path, LOAD, scenario=HEAD.replace("{int: [1, 6]}", "uuid"), workers=workers)
        await removing
    assert ended.summary["exit_code"] == 1
    assert {one["symptom"] for one in ended.findings} == {"cross-write"}
    source, victim = ended.findings[0]["source"], ended.findings[0]["victim"]
    assert source is not None
    assert (victim["label"], source["label"]) == ("tenant#1", "tenant#2")
    assert ended.summary["writes"] is not None
    assert ["1 before, 0 now" in line for line in ended.summary["writes"]["drift"]] == [True]
    assert timeless(recheck(tmp_path / "run").findings) == timeless(ended.findings)


async def _remove_once_written(owner: asyncpg.Connection) -> None:
    """Be somebody else who removes a row while the run goes on."""
    while not await owner.fetchval(f"{LEFT} AND pg_sleep(0.01) IS NOT NULL"):
        pass
    await owner.execute("DELETE FROM entries WHERE tenant LIKE 'archive-%'")


async def test_rows_that_cannot_be_deleted_are_told_with_the_statement_that_does_it(
    stack: EmbeddedStack, tmp_path: Path
) -> None:
    async with changed(stack, KEEPS) as owner:
        ended, told = await run(stack, tmp_path, LOAD, scenario=HEAD)
        assert ended.summary["writes"] is not None
        (left,) = ended.summary["writes"]["left"]
        assert left in told.steps
        assert "rows of this run are left in entries (nothing is deleted here (P0001).)" in left
        await owner.execute(MENDED)
        _, statement = left.split("; ")
        assert await owner.fetchval(LEFT) > 0
        await owner.execute(statement)
        assert await owner.fetchval(LEFT) == 0


@pytest.mark.parametrize(("server", "times"), [("target", 1), ("embedded", 0)])
async def test_writes_that_nobody_answered_are_told_where_they_may_come_after_the_cleaning(
    server: str, times: int, stack: EmbeddedStack, tmp_path: Path
) -> None:
    few = "{name: all, concurrency: 1, requests: 3}"
    powers = Powers(freshen=stack.freshen) if server == "embedded" else Powers()
    async with changed(stack, WAITS) as owner:
        ended, told = await run(stack, tmp_path, few, scenario=HEAD, powers=powers, patience=0.5)
        assert ended.summary["writes"] is not None
        assert ended.summary["writes"]["unknown"] == 3
        assert await owner.fetchval(LEFT) == 0
        await owner.execute("SELECT pg_advisory_unlock(42)")
        while await owner.fetchval(WRITING):
            pass
        assert await owner.fetchval(LEFT) > 0
        left = ended.summary["writes"]["left"]
        assert left == [step for step in told.steps if "may yet come to entries" in step]
        assert len(left) == times
        assert all("3 of its writes were not answered, and may still happen for 150 s" in line for line in left)
        await owner.execute(left[0].partition("after that: ")[2] if left else LEFT.replace("SELECT count(*)", "DELETE"))
        assert await owner.fetchval(LEFT) == 0


async def test_writers_with_rows_from_before_are_refused(stack: EmbeddedStack, tmp_path: Path) -> None:
    async with changed(stack, "INSERT INTO entries VALUES ('tenant-3', 'x', 'cash', 1, 'mine')") as owner:
        with pytest.raises(UsageProblem, match="own 1 rows of entries that this run has not written"):
            await run(stack, tmp_path, LOAD, scenario=HEAD)
        assert await owner.fetchval(LEFT) == 0
        await owner.execute("DELETE FROM entries WHERE tenant = 'tenant-3'")


async def test_a_table_that_is_not_as_described_is_refused(stack: EmbeddedStack, tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=r'is not as tables.entries describes it: column "nte"'):
        await run(stack, tmp_path, LOAD, scenario=HEAD.replace("mark: note", "mark: nte"))


async def test_what_an_interrupt_leaves_is_told_of_every_table(stack: EmbeddedStack) -> None:
    told, waits = Told(), "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_sleep(0.01) IS NOT NULL"
    async with changed(stack, "CREATE TABLE more (LIKE entries); CREATE TABLE most (LIKE entries)") as owner:
        caretaker = _cleaning(stack, told, "entries", "more", "most")
        _leave_unanswered(caretaker, "more")
        async with owner.transaction():
            await owner.execute("LOCK TABLE more IN ACCESS EXCLUSIVE MODE")
            cleaning = asyncio.create_task(caretaker.clean_up())
            while not await owner.fetchval(waits):
                assert not cleaning.done()
            cleaning.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cleaning
        await owner.execute("DROP TABLE more, most")
    assert told.steps == ["0 rows of this run deleted from most", *caretaker.left]
    more, entries = caretaker.left
    assert more.startswith(
        f"rows of this run are left in more (interrupted, and {UNANSWERED}); after that: DELETE FROM"
    )
    assert entries.startswith("rows of this run are left in entries (interrupted); DELETE FROM")


async def test_writes_that_may_yet_come_are_told_beside_rows_that_cannot_be_deleted(stack: EmbeddedStack) -> None:
    caretaker = _cleaning(stack, Told(), "absent")
    _leave_unanswered(caretaker, "absent")
    await caretaker.clean_up()
    (left,) = caretaker.left
    assert f"does not exist (42P01)., and {UNANSWERED}); after that: DELETE FROM" in left


def _leave_unanswered(caretaker: Caretaker, table: str) -> None:
    """Let a write to a target be under way that nobody has answered."""
    caretaker.alone = False
    caretaker.accounts = lambda: Accounts(unanswered=Counter({table: 1}))


def _cleaning(stack: EmbeddedStack, told: Told, *tables: str) -> Caretaker:
    """Return a caretaker that has nothing to do but to clean up these tables."""
    columns, marks = Table(mark="note", owner={"tenant": "{tenant}"}, key="slot"), Marks("0123abcd")
    scenario = pets({"database": stack.database})
    return Caretaker(
        scenario,
        [WrittenTable(name, columns, marks) for name in tables],
        Naming({}, populate(scenario, {}), marks),
        Database(stack.database),
        SystemClock(),
        told,
        alone=True,
        found=lambda *_: None,
    )
