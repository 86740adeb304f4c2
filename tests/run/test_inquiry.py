"""The inquiry after a run, with parts of its own: where it looks, how long, and what it bears."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import asyncpg
from pydantic import SecretStr

from loadcheck.clock import SystemClock
from loadcheck.engine.events import Draw
from loadcheck.errors import EnvironmentProblem
from loadcheck.judge.findings import Reproduction
from loadcheck.judge.trail import Led
from loadcheck.judge.verdict import Cause, Evidence
from loadcheck.run.faults.powers import Powers
from loadcheck.run.inquiry.asking import Asking
from loadcheck.run.inquiry.fresh import Fresh
from loadcheck.run.inquiry.rewriting import Rewriting
from loadcheck.run.inquiry.sources import source_of
from loadcheck.run.inquiry.suspects import suspects
from loadcheck.run.parts import Parts, put_together
from loadcheck.scenario.load import load
from loadcheck.scenario.target import Target
from loadcheck.stack.stack import EmbeddedStack, embedded
from tests.cli.command import SCENARIOS
from tests.run.test_run import SCENARIO, Told, run
from tests.run.test_writes import HEAD, LEFT

if TYPE_CHECKING:
    from loadcheck.judge.findings import Finding

PHASE = "{name: all, concurrency: 2, requests: 20}"
BEFORE = """
CREATE SCHEMA checks;
CREATE FUNCTION checks.whose() RETURNS text LANGUAGE sql IMMUTABLE
    AS $$ SELECT current_setting('request.jwt.claims', true)::json ->> 'user_type' $$;
CREATE FUNCTION checks.before() RETURNS void LANGUAGE plpgsql
    AS $$ BEGIN PERFORM set_config('app.keeper', checks.whose(), true); END $$;
"""


class HastyClock(SystemClock):
    """Every look at it is a second later."""

    def __init__(self) -> None:
        self._seconds = count()

    def now(self) -> float:
        return float(next(self._seconds))


@asynccontextmanager
async def parts(stack: EmbeddedStack, folder: Path, scenario: str) -> AsyncIterator[Parts]:
    path = folder / "scenario.yaml"
    path.write_text(f"{scenario}\nload: [{PHASE}]")
    target = Target(url=stack.url, database=SecretStr(stack.database), jwt=stack.jwt)
    async with put_together(load(path).aimed_at(target), SystemClock(), Told()) as together:
        yield together


@asynccontextmanager
async def owned(stack: EmbeddedStack, sql: str) -> AsyncIterator[asyncpg.Connection]:
    owner = await asyncpg.connect(stack.database)
    try:
        await owner.execute(sql)
        yield owner
    finally:
        await owner.close()


def showing(victim: int, row: str = "") -> "Finding":
    """Return what the inquiry looks at in a finding: whom it happened to, and the row that it missed."""
    evidence = Evidence(missing=(row,) if row else ())
    return cast("Finding", SimpleNamespace(victim=victim, verdict=SimpleNamespace(evidence=evidence)))


def test_whoever_had_the_backend_before_is_the_source_only_where_a_replay_needs_it() -> None:
    poison, passer_by, last = (Draw(seq, 0, identity) for seq, identity in enumerate([3, 5, 1]))
    led = Led(backend=(poison, passer_by, last))
    left = SimpleNamespace(
        cause=Cause.SESSION_STATE, victim=1, led=led, first=SimpleNamespace(draw=last), reproduction=None
    )
    assert source_of(cast("Finding", left), ()) is None
    left.reproduction = Reproduction((poison, last))
    assert source_of(cast("Finding", left), ()) == 3


async def test_a_pre_request_function_with_a_schema_is_looked_behind(pets_stack: EmbeddedStack, tmp_path: Path) -> None:
    scenario = f"{SCENARIO}\nstack: {{postgrest: {{db-pre-request: checks.before}}}}"
    async with owned(pets_stack, BEFORE) as owner:
        try:
            async with parts(pets_stack, tmp_path, scenario) as there:
                asking = Asking(there, SystemClock(), Fresh(pets_stack.freshen))
                found = await suspects(asking, showing(0), there.prepared.scenario.requests[0])
        finally:
            await owner.execute("DROP SCHEMA checks CASCADE")
    assert found.immutable == ["IMMUTABLE function checks.whose()"]


async def test_a_postgrest_that_does_not_come_up_again_spoils_no_diagnosis(
    pets_stack: EmbeddedStack, tmp_path: Path
) -> None:
    tried = count()

    async def fails() -> None:
        next(tried)
        raise EnvironmentProblem("PostgREST of the embedded stack did not answer within 180 s")

    powers = Powers(freshen=pets_stack.freshen, start_over=fails)
    wrong = SCENARIO.replace("expect: {", "expect: {status: 418, ")
    ended, _ = await run(pets_stack, tmp_path, PHASE, scenario=wrong, powers=powers)
    (finding,) = ended.findings
    assert finding["reasoning"][0] == "asked alone on fresh backends: 3 of 3 wrong"
    assert finding["reproduction"] is not None
    assert next(tried) == 1


async def test_all_writing_again_has_one_limit_of_time(tmp_path: Path) -> None:
    async with (
        embedded(load(SCENARIOS / "ledger.yaml").scenario, SCENARIOS) as stack,
        parts(stack, tmp_path, HEAD) as there,
        owned(stack, "SELECT") as owner,
    ):
        rewriting = Rewriting(Asking(there, HastyClock(), Fresh(stack.freshen)))
        marks = [there.prepared.mark(Draw(0, 0, identity, ("1",))) for identity in range(3)]
        tried = [
            await rewriting.alone(showing(identity, f'{{"note": "{mark}"}}'), "entries")
            for identity, mark in enumerate(marks)
        ]
        await owner.execute(LEFT.replace("SELECT count(*)", "DELETE"))
    assert [trial.wrong for trial in tried] == [0, 0, 0]
    assert 0 < tried[0].asked <= 20
    assert [trial.asked for trial in tried[1:]] == [0, 0]
