"""A run: the whole flow put together, from a loaded scenario to an outcome and its run folder."""

import asyncio
import secrets
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from loadcheck.clock import Clock
from loadcheck.engine.aiohttp_transport import AiohttpTransport
from loadcheck.engine.draws import Draws
from loadcheck.engine.engine import Engine
from loadcheck.engine.events import Draw, Event, Exchange, Missed, PhaseEnded, PhaseStarted
from loadcheck.engine.feed import Feed
from loadcheck.engine.messages import Composer, Message
from loadcheck.engine.transport import Transport
from loadcheck.judge.findings import Findings
from loadcheck.judge.outcome import Outcome, decide
from loadcheck.oracle.caller import Caller
from loadcheck.oracle.database import Database
from loadcheck.oracle.stamp import claims_digests
from loadcheck.record.coverage import Coverage
from loadcheck.record.findings import FindingWriter
from loadcheck.record.folder import RunFolder
from loadcheck.record.generator import Generator
from loadcheck.record.history import History
from loadcheck.record.stored import StoredFinding, Summary
from loadcheck.record.summary import RunFacts, build_summary
from loadcheck.record.tally import Tally
from loadcheck.run.blindness import blindness
from loadcheck.run.clockwatch import Clockwatch
from loadcheck.run.context import Context
from loadcheck.run.desk import Desk
from loadcheck.run.figures import figures
from loadcheck.run.inquiry import Freshen, Inquiry
from loadcheck.run.interruption import Interruption
from loadcheck.run.judging import Judging
from loadcheck.run.observer import Gauges, Observer
from loadcheck.run.preflight import Preflight
from loadcheck.run.preparation import Prepared, prepare
from loadcheck.scenario.load import LoadedScenario
from loadcheck.tasks import ungrouped

# How long answers may still be looked at again after the last one: a slow oracle must not hold a run for ever.
_SETTLING_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run needs beside its scenario.

    Attributes:
        seed: All inputs are drawn from it.
        out: The run folder; None for a new one below `reports/`.
    """

    seed: int
    out: Path | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that came to its end, for those who report it."""

    summary: Summary
    findings: list[StoredFinding]
    folder: Path


class Run:
    """One run of one scenario.

    Args:
        loaded: The scenario; its `target` says where to send and where to read the right answers.
        options: The seed and the folder.
        observer: Shows it to people while it goes on.
        interruption: Ends it in order on the first signal.
        clock: The run's clock.
        freshen: Gives fresh backends, where they are ours to end; None where they are not.
    """

    def __init__(
        self,
        loaded: LoadedScenario,
        options: RunOptions,
        observer: Observer,
        interruption: Interruption,
        clock: Clock,
        freshen: Freshen | None = None,
    ) -> None:
        self._loaded = loaded
        self._scenario = loaded.scenario
        self._options = options
        self._observer = observer
        self._interruption = interruption
        self._clock = clock
        self._freshen = freshen
        self._started = clock.wall()

    async def run(self) -> Ended:
        """Prepare, send, judge and record.

        Raises:
            LoadcheckError: it could not begin, or could not be recorded.
        """
        folder = RunFolder.create(self._options.out, self._scenario.name, self._started)
        folder.write_scenario(self._loaded.resolved)
        async with AsyncExitStack() as stack:
            target = self._scenario.target
            database = Database(target.database.get_secret_value())
            stack.push_async_callback(database.close)
            transport = AiohttpTransport(target.timeout, target.max_answer)
            stack.push_async_callback(transport.close)
            prepared = await prepare(self._loaded, database, self._clock, self._observer)
            authorization = prepared.authorizations.authorization
            caller = Caller(self._scenario.stack.postgrest)
            context = Context(prepared.population, caller, secrets.token_hex(4))
            composer = Composer(self._scenario, prepared.population, target.url, authorization, context.nonce)
            preflight = Preflight(
                scenario=self._scenario,
                population=prepared.population,
                expectations=prepared.expectations,
                compose=composer.compose,
                transport=transport,
                clock=self._clock,
            )
            clockwatch = Clockwatch(prepared, preflight, self._observer, self._clock)
            await clockwatch.align()
            await preflight.check()
            self._observer.step(f"{target.url} answers and takes the tokens")
            if target.database.get_secret_value():
                context.digests = await claims_digests(database, prepared.population)
            tally, findings = Tally(self._scenario, prepared.population), Findings()
            with History(folder.history, self._scenario, prepared.population) as history:
                desk = Desk(prepared.population, clockwatch, tally, findings, history, self._observer)
                judging = Judging(prepared, context, self._clock, desk.deliver)
                facts = await self._load(prepared, composer, transport, judging, desk)
            inquiry = Inquiry(
                scenario=self._scenario,
                prepared=prepared,
                database=database,
                seed=self._options.seed,
                compose=composer.compose,
                transport=transport,
                clock=self._clock,
                freshen=self._freshen,
            )
            if len(findings) and self._interruption.code is None:
                self._observer.step("asking about the findings again, to name their cause")
                await inquiry.explain(findings)
            outcome = self._outcome(prepared, judging, desk, facts)
            writer = FindingWriter(self._scenario, prepared.population, str(self._loaded.path), composer.compose)
            return _write_down(folder, writer, outcome, desk, facts)

    async def _load(
        self, prepared: Prepared, composer: Composer, transport: Transport, judging: Judging, desk: Desk
    ) -> RunFacts:
        """Send what the scenario's phases ask for, until every exchange has its verdict."""
        draws = Draws(self._scenario, prepared.population, self._options.seed)
        feed = Feed(draws, prepared.oracle.prepare, self._clock)
        engine = Engine(
            phases=self._scenario.load,
            feed=feed,
            compose=partial(_compose, composer, judging),
            transport=transport,
            clock=self._clock,
            emit=partial(_dispatch, desk.tally, judging),
            seed=self._options.seed,
        )
        generator, began = Generator(), self._clock.now()
        self._interruption.soften(partial(_stop, engine, self._observer))
        self._observer.started(desk.tally, Gauges(lambda: self._clock.now() - began, lambda: engine.in_flight))
        try:
            await _to_the_end(engine, judging, desk.clockwatch)
        except asyncio.CancelledError:
            self._leave_early()
        finally:
            judging.abandon()
            self._observer.finished()
        return RunFacts(
            seed=self._options.seed,
            started=self._started,
            duration=self._clock.now() - began,
            generator={
                **generator.figures(),
                "missed": desk.tally.missed_arrivals,
                "lag_p99_ms": round(engine.lag.p99_s * 1000, 3),
                "late_p99_ms": round(engine.lateness.p99_s * 1000, 3),
                "starved_s": round(feed.starved_s, 3),
            },
            canaries={"planted": judging.canaries.planted, "caught": judging.canaries.caught},
            **_covered(judging.coverage, desk.tally),
        )

    def _leave_early(self) -> None:
        """After a second signal: what was found so far is still written down; anything else cancels for good."""
        task = asyncio.current_task()
        if self._interruption.code is None or task is None:
            raise asyncio.CancelledError
        task.uncancel()

    def _outcome(self, prepared: Prepared, judging: Judging, desk: Desk, facts: RunFacts) -> Outcome:
        blind = [*blindness(self._scenario, prepared.population, prepared.expectations, prepared.oracle)]
        if facts.coverage.get("handoffs") == 0:
            blind.append("no backend was handed from one identity to another: run longer, with more concurrency")
        for request in judging.canaries.passed:
            name = self._scenario.requests[request].name
            blind.append(f"request {name!r} is blind: an answer of another identity was taken for right (a canary)")
        interrupted = self._interruption.code
        seen = figures(self._scenario, desk.tally, desk.findings, blind, facts.coverage, interrupted)
        return decide(seen, self._scenario.thresholds)


def _write_down(folder: RunFolder, writer: FindingWriter, outcome: Outcome, desk: Desk, facts: RunFacts) -> Ended:
    findings = [writer.stored(finding) for finding in desk.findings]
    summary = build_summary(desk.tally, list(desk.findings), outcome, facts)
    folder.write_findings(findings)
    folder.write_summary(summary)
    return Ended(summary, findings, folder.path)


def _covered(coverage: Coverage, tally: Tally) -> dict[str, Any]:
    """Return what the stamps showed; nothing where there were none."""
    if not coverage.stamped:
        return {}
    coverage.close()
    counted = {name: getattr(coverage, name) for name in ("backends", "handoffs", "distinct_handoffs")}
    return {"coverage": counted, "leak_rate_upper_95": None if tally.violations else coverage.leak_rate_upper_95}


def _compose(composer: Composer, judging: Judging, draw: Draw) -> Message:
    judging.sending(draw)
    return composer.compose(draw)


def _dispatch(tally: Tally, judging: Judging, event: Event) -> None:
    match event:
        case Exchange():
            judging.take(event)
        case Missed():
            tally.missed(event)
        case PhaseStarted():
            tally.phase_started(event)
        case PhaseEnded():
            tally.phase_ended(event)


async def _to_the_end(engine: Engine, judging: Judging, clockwatch: Clockwatch) -> None:
    """Run the engine, and wait until every dispute is settled, or there is no more time for it."""
    with ungrouped():
        async with asyncio.TaskGroup() as tasks:
            beside = tasks.create_task(judging.settle()), tasks.create_task(clockwatch.watch())
            await engine.run()
            with suppress(TimeoutError):
                async with asyncio.timeout(_SETTLING_S):
                    await judging.settled()
            for task in beside:
                task.cancel()


def _stop(engine: Engine, observer: Observer) -> None:
    observer.step("stopping: what is under way is still judged; once more leaves at once")
    engine.stop()
