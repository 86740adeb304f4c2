"""A run inside this process, where its clock, its target and its observer can be anything."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from loadcheck.clock import SystemClock
from loadcheck.errors import ExitCode
from loadcheck.judge.findings import Finding
from loadcheck.oracle.writes import Writes
from loadcheck.record.tally import Tally
from loadcheck.run.faults.powers import Powers
from loadcheck.run.interruption import Interruption
from loadcheck.run.observer import Gauges
from loadcheck.run.run import Ended, Run, RunOptions
from loadcheck.scenario.load import load
from loadcheck.scenario.target import Target
from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import history

SCENARIO = """
name: in process
hunt: {aborts: 0}
identities:
  - {name: keeper, count: 8, claims: {role: role_readwrite, user_type: "tenant-{n}"}}
requests:
  - name: list
    get: /pets?select=id,name,keeper&order=id
    expect: {rows: "SELECT id, name, keeper FROM pets WHERE keeper = :user_type ORDER BY id"}
"""


MOVING = """
CREATE TABLE moving (id int, name text, keeper text);
GRANT SELECT ON moving TO role_readwrite;
INSERT INTO moving SELECT n, 'name', 'tenant-' || 1 + n % 8 FROM generate_series(1, 80) AS n;
ALTER TABLE moving ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON moving TO role_readwrite
    USING (keeper = current_setting('request.jwt.claims', true)::json->>'user_type');
"""


@dataclass
class Told:
    """Remembers what it was told."""

    steps: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)

    def step(self, text: str) -> None:
        self.steps.append(text)

    def started(self, tally: Tally, gauges: Gauges) -> None:
        self.tally, self.gauges = tally, gauges
        self.began.set()

    def finding(self, finding: Finding) -> None:
        self.findings.append(finding)

    def finished(self) -> None:
        self.reached = self.gauges.reached()


Enough = Callable[[Told], bool]


def never(_: Told) -> bool:
    return False


async def until(enough: Enough, work: Run, told: Told, interruption: Interruption) -> Ended:
    """Carry out a run, and end it in order as soon as it has shown enough: how long that takes is the machine's."""

    async def watch() -> None:
        await told.began.wait()
        while not enough(told):  # noqa: ASYNC110 -- the run goes on meanwhile and tells of steps, not of counts
            await asyncio.sleep(0.05)
        interruption.receive(ExitCode.INTERRUPTED)

    watching = asyncio.create_task(watch())
    try:
        return await work.run()
    finally:
        watching.cancel()


class JumpingClock(SystemClock):
    """Its wall clock is put back by an hour after a while."""

    def __init__(self, after: float) -> None:
        self._jump = self.now() + after

    def wall(self) -> float:
        return super().wall() + (-3600 if self.now() >= self._jump else 0)


async def run(  # noqa: PLR0913, PLR0917 -- most tests give the first three
    stack: EmbeddedStack,
    folder: Path,
    load_phases: str,
    clock: SystemClock | None = None,
    scenario: str = SCENARIO,
    enough: Enough = never,
    powers: Powers = Powers(),  # noqa: B008 -- frozen
    patience: float = 10.0,
    workers: int = 1,
) -> tuple[Ended, Told]:
    path = folder / "scenario.yaml"
    path.write_text(f"{scenario}\nload: [{load_phases}]")
    told, interruption = Told(), Interruption()
    target = Target(url=stack.url, database=SecretStr(stack.database), jwt=stack.jwt, timeout=patience)
    options = RunOptions(seed=1, out=folder / "run", workers=workers)
    work = Run(load(path).aimed_at(target), options, told, interruption, clock or SystemClock(), powers)
    return await until(enough, work, told, interruption), told


async def test_a_clock_that_jumps_blames_nobody_and_the_run_goes_on(pets_stack: EmbeddedStack, tmp_path: Path) -> None:
    before: list[int] = []

    def goes_on(told: Told) -> bool:
        ok = told.tally.measured.counts.ok
        if not before and "this machine's clock jumped: tokens are signed again" in told.steps:
            before.append(ok)
        return bool(before) and ok > before[0] + 200

    phase = "{name: jump, concurrency: 2, duration: 10m}"
    ended, _ = await run(pets_stack, tmp_path, phase, JumpingClock(1.0), enough=goes_on)
    assert ended.summary["exchanges"]["violation"] == 0
    lines = history(tmp_path / "run")
    refused = [line for line in lines if line.get("status") == 401]
    assert {line["verdict"] for line in refused} <= {"unknown"}
    assert {line["verdict"] for line in lines[-50:]} == {"ok"}


async def test_a_target_whose_clock_is_another_gets_tokens_of_its_time(
    pets_stack: EmbeddedStack, tmp_path: Path
) -> None:
    ended, told = await run(pets_stack, tmp_path, "{name: skew, concurrency: 2, requests: 40}", JumpingClock(-1.0))
    assert ended.summary["exit_code"] == 0
    assert any(re.search(r"clock is 3(599|600|601) s ahead: tokens follow it", step) for step in told.steps)


@asynccontextmanager
async def somebody_writing(stack: EmbeddedStack, sql: str, change: str, pause: float) -> AsyncIterator[list[int]]:
    """Make tables, and change them all the time; yield the numbers of the changes that are made."""
    owner = await asyncpg.connect(stack.database)
    await owner.execute(sql)
    await stack.reload_schema()
    made: list[int] = []

    async def write() -> None:
        for n in itertools.count(1000):
            await owner.execute(change, n)
            made.append(n)
            await asyncio.sleep(pause)

    writer = asyncio.create_task(write())
    try:
        yield made
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        await owner.execute("DROP TABLE moving CASCADE")
        await owner.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE moving SET keeper = 'tenant-' || 1 + ($1 + id) % 8 WHERE id % 5 = $1 % 5",
        "UPDATE moving SET keeper = 'tenant-' || 1 + $1 % 2 WHERE id = 8",
        "UPDATE moving SET name = 'name ' || $1 % 2 WHERE id = 8",
    ],
    ids=["many rows change hands", "one row changes hands, to and fro", "one value changes, to and fro"],
)
@pytest.mark.parametrize(("pause", "times"), [(0.01, 40), (0.3, 5)])
async def test_data_that_change_during_the_run_are_no_violation(
    change: str, pause: float, times: int, pets_stack: EmbeddedStack, tmp_path: Path
) -> None:
    """What is read before and after brackets every answer."""
    async with somebody_writing(pets_stack, MOVING, change, pause) as made:
        ended, _ = await run(
            pets_stack,
            tmp_path,
            "{name: moving, concurrency: 8, duration: 10m}",
            scenario=SCENARIO.replace("pets", "moving"),
            enough=lambda told: len(made) > times and told.tally.measured.counts.ok > 300,
        )
    assert ended.summary["exchanges"]["violation"] == 0, ended.findings


async def test_a_leak_is_seen_while_others_write(pets_stack: EmbeddedStack, tmp_path: Path) -> None:
    sql = f"{MOVING}; CREATE VIEW leaking AS SELECT * FROM moving; GRANT SELECT ON leaking TO role_readwrite"
    change = "INSERT INTO moving VALUES ($1, 'new', 'tenant-' || 1 + $1 % 8)"
    async with somebody_writing(pets_stack, sql, change, 0.05) as made:
        ended, _ = await run(
            pets_stack,
            tmp_path,
            "{name: leak, concurrency: 4, duration: 10m}",
            scenario=SCENARIO.replace("/pets", "/leaking").replace("FROM pets", "FROM moving"),
            enough=lambda told: len(made) > 20 and told.tally.measured.counts.violation > 100,
        )
    assert ended.summary["exit_code"] == 1
    assert {finding["symptom"] for finding in ended.findings} == {"foreign-rows"}


async def test_every_exchange_is_in_the_history_once_with_its_verdict(
    pets_stack: EmbeddedStack, tmp_path: Path
) -> None:
    ended, told = await run(pets_stack, tmp_path, "{name: few, concurrency: 4, requests: 200}")
    lines = history(tmp_path / "run")
    assert [line["seq"] for line in lines] == list(range(200))
    counts = ended.summary["exchanges"]
    assert counts == {"sent": 200, "ok": 200, "violation": 0, "unknown": 0}
    assert told.tally.measured.counts.ok == 200
    assert told.gauges.in_flight() == 0


async def test_identities_that_expect_the_same_are_told(pets_stack: EmbeddedStack, tmp_path: Path) -> None:
    alike = """
  - {name: twin, count: 40, claims: {role: role_readwrite, user_type: tenant-1}}
requests:
  - {name: bare, get: /pets?limit=1, expect: {status: 200}}"""
    scenario = SCENARIO.replace("\nrequests:", alike, 1)
    ended, _ = await run(pets_stack, tmp_path, "{name: few, concurrency: 4, requests: 300}", scenario=scenario)
    told = "\n".join(ended.summary["blind_spots"])
    assert "request 'list': 48 identities expect 8 different answers" in told
    assert "request 'bare' compares nothing that tells whose answer came" in told


async def test_an_oracle_that_is_cut_off_while_it_looks_again_leaves_the_answer_unknown(
    pets_stack: EmbeddedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut_off(_writes: Writes, _request: int) -> bool:
        raise asyncpg.InterfaceError("connection is closed")

    monkeypatch.setattr(Writes, "moving", cut_off)
    wrong = SCENARIO.replace("WHERE keeper = :user_type", "WHERE keeper <> :user_type")
    ended, _ = await run(pets_stack, tmp_path, "{name: cut, concurrency: 1, requests: 5}", scenario=wrong)
    assert ended.summary["exchanges"] == {"sent": 5, "ok": 0, "violation": 0, "unknown": 5}
    assert ended.summary["exit_code"] == 2
    assert "most often: the truth could not be read again" in ended.summary["reasons"][-1]
