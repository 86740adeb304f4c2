"""The inquiry after a run, with parts of its own: where it looks, how long, and what it bears."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import asyncpg
import pytest
from pydantic import SecretStr

from loadcheck.clock import SystemClock
from loadcheck.engine.events import Draw
from loadcheck.errors import EnvironmentProblem
from loadcheck.judge.findings import Reproduction
from loadcheck.judge.judge import violation
from loadcheck.judge.trail import Led
from loadcheck.judge.verdict import OK, Cause, Evidence, Symptom, Verdict
from loadcheck.run.faults.powers import Powers
from loadcheck.run.inquiry.asking import Asking
from loadcheck.run.inquiry.fresh import Fresh
from loadcheck.run.inquiry.rewriting import Rewriting
from loadcheck.run.inquiry.sources import name_sources
from loadcheck.run.inquiry.suspects import suspects
from loadcheck.run.parts import Parts, put_together
from loadcheck.scenario.load import load
from loadcheck.scenario.target import Target
from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack
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


POISON, PASSER_BY, VICTIM = 3, 5, 1
DRAWS = tuple(Draw(seq, request, who) for seq, (request, who) in enumerate([(1, POISON), (0, PASSER_BY), (0, VICTIM)]))


class Backend:
    """Stands in for what is asked: whoever has sent request 1 last has left their number there, or a bare error."""

    def __init__(self, *, telling: bool = True) -> None:
        self.clock = SystemClock()
        self.parts = SimpleNamespace(context=SimpleNamespace(digests=()))
        self.left: int | None = None
        self._telling = telling

    async def outcome(self, draws: Sequence[Draw]) -> Verdict:
        left = [self.left, *(draw.identity for draw in draws if draw.request == 1)][-1]
        return OK if left is None else self.wrong(left)

    def wrong(self, left: int) -> Verdict:
        return violation(Symptom.WRONG_HEADERS, f"header X is '{left}'" if self._telling else "status 500")


async def source(backend: Backend, shown: Reproduction | None, led: Sequence[Draw] = DRAWS) -> int | None:
    """Return who is named as the source of a finding that POISON has left to VICTIM."""
    finding = SimpleNamespace(
        cause=Cause.SESSION_STATE,
        symptom=Symptom.WRONG_HEADERS,
        victim=VICTIM,
        source=None,
        first=SimpleNamespace(draw=DRAWS[-1]),
        verdict=backend.wrong(POISON),
        led=Led(anywhere=tuple(led)),
        reproduction=shown,
    )
    await name_sources([cast("Finding", finding)], cast("Asking", backend))
    named: int | None = finding.source
    return named


@pytest.mark.parametrize("draws", [DRAWS, DRAWS[::2]], ids=["shrunk in part", "shrunk"])
async def test_the_source_is_whose_exchange_makes_the_answer(draws: tuple[Draw, ...]) -> None:
    assert await source(Backend(), Reproduction(draws)) == POISON
    assert await source(Backend(), None) is None


async def test_a_crowd_names_no_source() -> None:
    assert await source(Backend(), Reproduction(DRAWS, concurrency=8, repeat=67)) is None
    assert await source(Backend(), Reproduction(DRAWS, repeat=67)) is None


async def test_backends_that_are_not_fresh_name_no_source() -> None:
    assert await source(Backend(), Reproduction(DRAWS[1:], fresh=False)) is None
    poisoned = Backend()
    poisoned.left = POISON
    assert await source(poisoned, Reproduction(DRAWS)) is None


async def test_no_source_is_named_where_two_would_have_left_the_same() -> None:
    led = (Draw(7, 1, 6), *DRAWS)
    assert await source(Backend(telling=True), Reproduction(DRAWS), led) == POISON
    assert await source(Backend(telling=False), Reproduction(DRAWS), led) is None


async def test_whoever_leaves_another_value_is_not_the_source() -> None:
    assert await source(Backend(), Reproduction((Draw(7, 1, 6), DRAWS[-1]))) is None


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
