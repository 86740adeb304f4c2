"""Truth read again while the run goes on: what others changed is drift, never a leak."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from loadcheck.clock import SystemClock
from loadcheck.identity.population import populate
from loadcheck.oracle import oracle as module
from loadcheck.oracle.database import Database
from loadcheck.oracle.expectation import Expectations
from loadcheck.oracle.oracle import Asked, Oracle
from loadcheck.run.preparing.drift import Drift
from loadcheck.run.upkeep import Upkeep
from loadcheck.scenario.model import Scenario
from loadcheck.stack.ports import free_ports
from loadcheck.stack.stack import EmbeddedStack
from tests.run.test_run import MOVING, SCENARIO, Told, run

# Nobody asks as the second one, so only the schedule can see that its rows have changed.
IDLE = SCENARIO.replace("requests:", '  - {name: idle, weight: 0, claims: {user_type: "tenant-9"}}\nrequests:', 1)
MINIMAL = {
    "name": "minimal",
    "identities": [{"name": "keeper", "claims": {"user_type": "tenant-1"}}],
    "requests": [{"name": "list", "get": "/pets", "expect": {"rows": "SELECT 1 AS id"}}],
}


@pytest.fixture
async def owner(pets_stack: EmbeddedStack) -> AsyncIterator[asyncpg.Connection]:
    owner = await asyncpg.connect(pets_stack.database)
    await owner.execute(MOVING)
    await pets_stack.reload_schema()
    yield owner
    await owner.execute("DROP TABLE moving")
    await owner.close()


def has_drifted(told: Told) -> bool:
    return any(step.startswith("drift: ") for step in told.steps)


async def test_rows_that_others_change_are_told_as_drift(
    owner: asyncpg.Connection, pets_stack: EmbeddedStack, tmp_path: Path
) -> None:
    async def write() -> None:
        series = tmp_path / "run" / "series.ndjson"
        while not series.exists():  # noqa: ASYNC110 -- it is made once every truth was read
            await asyncio.sleep(0.05)
        await owner.execute("INSERT INTO moving VALUES (1000, 'new', 'tenant-9')")

    scenario = f"{IDLE}\ntruth: {{every: 1s}}".replace("pets", "moving")
    writer = asyncio.create_task(write())
    phase = "{name: some, rate: 20/s, duration: 10m}"
    ended, told = await run(pets_stack, tmp_path, phase, scenario=scenario, enough=has_drifted)
    await writer
    (drift,) = ended.summary["drift"]
    assert (drift["request"], drift["changed"]) == ("list", 1)
    assert 0 < drift["first_s"] == drift["last_s"] <= ended.summary["duration_s"]
    assert (ended.summary["exchanges"]["violation"], ended.findings) == (0, [])
    assert "drift: 1 expected answer changed since the last reading: data were written meanwhile" in told.steps


async def test_an_oracle_that_is_away_stops_nothing_and_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TRIES", 2)
    (closed,) = free_ports(1)
    scenario, told, clock = Scenario.model_validate(MINIMAL), Told(), SystemClock()
    population = populate(scenario, {})
    oracle = Oracle(Database(f"postgresql://a:b@127.0.0.1:{closed}/c"), scenario, population, Expectations(scenario))
    upkeep = Upkeep(oracle, Drift(clock), None, told, clock)
    for _ in range(3):
        await upkeep.prepare([Asked(0, 0)])
    (step,) = told.steps
    assert step.startswith("expected answers cannot be read, and what needs them is unknown: the oracle cannot connect")
    assert oracle.truth(Asked(0, 0)) is None


async def test_what_has_not_changed_stays_the_same_object(pets_stack: EmbeddedStack) -> None:
    scenario, clock = Scenario.model_validate(MINIMAL), SystemClock()
    drift, database = Drift(clock), Database(pets_stack.database)
    oracle = Oracle(database, scenario, populate(scenario, {}), Expectations(scenario), drift.changed)
    await oracle.prepare([Asked(0, 0)])
    before = oracle.truth(Asked(0, 0))
    await oracle.refresh(list(oracle.changeable()))
    await database.close()
    assert oracle.truth(Asked(0, 0)) is before
    assert drift.count == 0
