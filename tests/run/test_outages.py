"""Servers that end in the middle of a run, without a fault that the scenario declares: nobody's violation."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from loadcheck.engine.randomness import source
from loadcheck.errors import ExitCode
from loadcheck.run.run import Ended
from loadcheck.run.stored.recheck import recheck
from loadcheck.scenario.fault import Fault, FaultKind
from loadcheck.scenario.load import load
from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import PATIENCE_S, SCENARIOS, history
from tests.pets import FOLDER, pets
from tests.run.test_faults import well
from tests.run.test_run import SCENARIO, Told, run
from tests.run.test_writes import HEAD as WRITING
from tests.run.test_writes import MINE

COUNTED = """
  - name: counted
    head: /pets
    headers: {Prefer: count=exact}
    expect: {count: "SELECT count(*) FROM pets WHERE keeper = :user_type"}
"""
TIMES = 2
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE usename = 'role_readwrite' ORDER BY state = 'active' DESC"

Strike = Callable[[EmbeddedStack], Awaitable[None]]


@pytest.fixture(scope="module")
async def broken_before() -> AsyncIterator[EmbeddedStack]:
    """A stack of this module's own. By default PgBouncer waits for 15 s after a failed login."""
    async with embedded(pets(pooler={"server_login_retry": 1}), FOLDER) as stack:
        yield stack


@pytest.fixture
async def stack(broken_before: EmbeddedStack) -> EmbeddedStack:
    return await well(broken_before)


async def kill_a_backend(stack: EmbeddedStack) -> None:
    """PostgreSQL then ends all the others, and recovers as from a crash."""
    superuser = await asyncpg.connect(stack.superuser)
    pid = await superuser.fetchval(BACKENDS)
    superuser.terminate()
    os.kill(pid, signal.SIGKILL)


def broken(kind: FaultKind) -> Strike:
    """Return what breaks a server and mends it, with nothing of it in the scenario of the run."""

    async def strike(stack: EmbeddedStack) -> None:
        async with stack.breaks[kind](Fault(do=kind), source(1, "fault")):
            pass

    return strike


STRIKES = [
    pytest.param(kill_a_backend, id="a backend is killed"),
    *(pytest.param(broken(kind), id=kind) for kind in (FaultKind.POSTGRES_RESTART, FaultKind.PGBOUNCER_KILL)),
]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("strike", STRIKES)
async def test_a_server_that_ends_under_load_is_nobodys_violation(
    strike: Strike, workers: int, stack: EmbeddedStack, tmp_path: Path
) -> None:
    ended = await struck(stack, tmp_path, SCENARIO + COUNTED, strike, workers)
    lines = history(tmp_path / "run")
    assert [line for line in lines if line["verdict"] == "violation"] == []
    assert ended.findings == []
    assert ended.summary["exit_code"] == ExitCode.INTERRUPTED
    assert any(line["verdict"] == "unknown" and line.get("status") for line in lines)
    again = recheck(tmp_path / "run").summary
    assert (again["exit_code"], again["exchanges"]) == (ended.summary["exit_code"], ended.summary["exchanges"])


class Watch:
    """Tells of a run that has begun, and when it is enough."""

    def __init__(self) -> None:
        self.told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self.over = False

    def __call__(self, told: Told) -> bool:
        if not self.told.done():
            self.told.set_result(told)
        return self.over


async def struck(stack: EmbeddedStack, folder: Path, scenario: str, strike: Strike, workers: int = 1) -> Ended:
    """Run while something breaks again and again, each time once right answers have come."""
    phase, watch = "{name: struck, concurrency: 24, duration: 10m}", Watch()
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(PATIENCE_S):
        running = tasks.create_task(run(stack, folder, phase, scenario=scenario, enough=watch, workers=workers))
        told = await watch.told
        for _ in range(TIMES):
            await right_answers(told)
            await strike(stack)
        await right_answers(told)
        watch.over = True
    ended, _ = running.result()
    return ended


async def right_answers(told: Told) -> None:
    """Wait for a hundred more."""
    before = told.tally.measured.counts.ok
    while told.tally.measured.counts.ok < before + 100:  # noqa: ASYNC110 -- nothing tells of counts
        await asyncio.sleep(0.05)


async def test_a_server_that_stays_away_makes_no_run_green(stack: EmbeddedStack, tmp_path: Path) -> None:
    crash = stack.breaks[FaultKind.POSTGRES_CRASH](Fault(do=FaultKind.POSTGRES_CRASH), source(1, "fault"))
    watch = Watch()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run(stack, tmp_path, "{name: all, concurrency: 8, requests: 1000}", enough=watch))
        await right_answers(await watch.told)
        async with crash:
            ended, _ = await running
    assert ended.findings == []
    assert ended.summary["exit_code"] == ExitCode.INCONCLUSIVE
    assert "answers could not be judged, more than 10%" in " ".join(ended.summary["reasons"])


async def test_no_write_that_was_acknowledged_is_lost_with_a_process_of_postgresql(tmp_path: Path) -> None:
    """As long as the machine stands, nothing needs to be on its disk for that."""
    ledger = load(SCENARIOS / "ledger.yaml").scenario.model_copy(update={"faults": []})
    async with embedded(ledger, SCENARIOS) as stack:
        ended = await struck(stack, tmp_path, WRITING + MINE, kill_a_backend)
    writes = ended.summary["writes"]
    assert writes is not None
    assert (ended.findings, ended.summary["exit_code"]) == ([], ExitCode.INTERRUPTED)
    assert writes["accounted"] == writes["acknowledged"] > 100
