"""A run: the whole flow put together, from a loaded scenario to an outcome and its run folder."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.messages import target_url
from loadcheck.engine.share import Share
from loadcheck.judge.findings import Findings
from loadcheck.judge.outcome import Outcome, decide
from loadcheck.record.findings import FindingWriter
from loadcheck.record.folder import RunFolder
from loadcheck.record.history import History
from loadcheck.record.reproduction import ReproductionWriter
from loadcheck.record.series import SeriesFile
from loadcheck.record.stored import StoredAlike, StoredFinding, Summary
from loadcheck.record.summary import RunFacts, build_summary
from loadcheck.record.tally import Tally
from loadcheck.record.truth_book import Begun
from loadcheck.run.cut_short import findings_first
from loadcheck.run.desk import Desk
from loadcheck.run.faults.command_fault import CommandFault
from loadcheck.run.faults.fault_figures import told_faults, unmade_faults
from loadcheck.run.faults.faults import Faults
from loadcheck.run.faults.powers import Powers
from loadcheck.run.figures import figures
from loadcheck.run.halt import Halt
from loadcheck.run.inquiry.aftermath import look_into
from loadcheck.run.inquiry.asking import Asking
from loadcheck.run.inquiry.fresh import Fresh
from loadcheck.run.interruption import Interruption
from loadcheck.run.judging.audit import Audit
from loadcheck.run.judging.blindness import blind_spots, blindness
from loadcheck.run.judging.canaries import told_canaries, unproven
from loadcheck.run.judging.caretaker import Caretaker
from loadcheck.run.judging.covered import covered
from loadcheck.run.judging.judging import Judging
from loadcheck.run.load import Load
from loadcheck.run.observer import Observer
from loadcheck.run.parts import Parts, put_together
from loadcheck.run.preparing.owning import refuse_too_many
from loadcheck.run.preparing.preparation import Prepared
from loadcheck.run.preparing.sameness import alike, alike_sentences, stored_alike
from loadcheck.run.workers.crew import Crew
from loadcheck.run.workers.hands import hired
from loadcheck.run.workers.messages import Job
from loadcheck.scenario.fault import FaultKind
from loadcheck.scenario.load import LoadedScenario

_NO_POWERS: Final = Powers()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run needs beside its scenario.

    Attributes:
        seed: All inputs are drawn from it.
        out: The run folder; None for a new one below `reports/`.
        reproduce: Whether to look for the fewest exchanges that show a finding again; None: on the embedded stack only.
        workers: How many processes share the load.
    """

    seed: int
    out: Path | None = None
    reproduce: bool | None = None
    workers: int = 1


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
        powers: What may be done to the servers under test.
    """

    def __init__(
        self,
        loaded: LoadedScenario,
        options: RunOptions,
        observer: Observer,
        interruption: Interruption,
        clock: Clock,
        powers: Powers = _NO_POWERS,
    ) -> None:
        self._loaded = loaded
        self._scenario = loaded.scenario
        self._options = options
        self._observer = observer
        self._interruption = interruption
        self._clock = clock
        self._powers = powers
        self._started = clock.wall()

    async def run(self) -> Ended:
        """Prepare, send, judge and record.

        Raises:
            CutShort: it could not go on, or could not be recorded, and violations had been seen by then.
            LoadcheckError: it could not begin, or could not be recorded.
        """
        faults = self._faults()
        folder = RunFolder.create(self._options.out, self._scenario.name, self._started)
        folder.write_scenario(self._loaded.resolved)
        findings = Findings()
        try:
            with findings_first(findings, folder.path):
                return await self._recorded(folder, faults, findings)
        finally:
            folder.forget_unless_begun()

    async def _recorded(self, folder: RunFolder, faults: Faults, findings: Findings) -> Ended:
        async with put_together(self._loaded, self._clock, self._observer) as parts:
            refuse_too_many(parts.prepared, self._options.workers)
            population, expectations = parts.prepared.population, parts.prepared.expectations
            tally = Tally(self._scenario, population)
            begun = self._begun(parts)
            with (
                History(folder, self._scenario, population, expectations, begun) as history,
                SeriesFile(folder.series) as series,
            ):
                watching, halt = self._observer, Halt(self._observer, wanted=self._scenario.stop_on_fail)
                desk = Desk(
                    population, parts.clockwatch, faults.recovery, tally, findings, history, series, watching, halt
                )
                for exchange in parts.preflight:
                    desk.trail.add(exchange)
                judging = Judging(parts.prepared, parts.context, self._clock, desk.deliver)
                async with self._caring(parts, judging, desk) as caretaker:
                    async with self._sending(folder, parts, judging, desk, faults, caretaker) as load:
                        facts = await self._load(parts, judging, desk, faults, caretaker, load)
                    await self._explain(parts, desk)
            facts = replace(facts, history=desk.kept, writes=caretaker.figures())
            outcome = self._outcome(parts.prepared, judging, desk, facts)
            return self._write_down(folder, parts, outcome, desk, facts)

    def _begun(self, parts: Parts) -> Begun:
        context = parts.context
        lines = [self._loaded.place("requests", index).line for index in range(len(self._scenario.requests))]
        return Begun(
            seed=self._options.seed,
            started=self._started,
            file=str(self._loaded.path),
            lines=lines,
            run=context.run,
            digests=context.digests,
            straight=context.straight,
        )

    def _faults(self) -> Faults:
        scenario = self._scenario
        command = CommandFault(scenario.target, self._loaded.folder)
        breaks = {**self._powers.breaks, FaultKind.RUN: command.breaking}
        return Faults(scenario.faults, breaks, self._observer, self._clock, self._options.seed)

    def _told_alike(self, prepared: Prepared) -> list[StoredAlike]:
        """Tell, before anything is sent, whom no answer could tell apart."""
        found = [] if self._scenario.planned else stored_alike(alike(prepared), self._scenario)
        for sentence in alike_sentences(found):
            self._observer.step(sentence)
        return found

    @asynccontextmanager
    async def _caring(self, parts: Parts, judging: Judging, desk: Desk) -> AsyncIterator[Caretaker]:
        """Yield the caretaker of what the run writes; in the end its rows are deleted, whatever happened."""
        caretaker = Caretaker(
            self._scenario,
            judging.following.tables,
            parts.prepared.naming,
            parts.auditing,
            self._clock,
            self._observer,
            alone=self._powers.freshen is not None,
            found=desk.audited,
        )
        await caretaker.begin()
        try:
            yield caretaker
        finally:
            await self._interruption.until_signal(caretaker.clean_up())

    @asynccontextmanager
    async def _sending(
        self, folder: RunFolder, parts: Parts, judging: Judging, desk: Desk, faults: Faults, caretaker: Caretaker
    ) -> AsyncIterator[Load | Crew]:
        """Yield what sends, ready to begin."""
        seed, workers, renew = self._options.seed, self._options.workers, self._powers.renew
        if workers == 1:
            audit = Audit(self._scenario, judging.following, parts.auditing, self._clock, self._observer, desk.audited)
            load = Load(parts, judging, desk, faults, audit, seed=seed, clock=self._clock, renew=renew)
            caretaker.accounts = load.accounts
            yield load
            return
        known, path = parts.prepared.known, folder.path.absolute()
        shares = [Share(index, workers) for index in range(workers)]
        async with hired([Job(self._loaded, share, seed, self._started, path, known) for share in shares]) as hands:
            self._observer.step(f"{workers} workers are ready")
            crew = Crew(hands, parts, judging, desk, faults, seed=seed, clock=self._clock, renew=renew)
            caretaker.accounts = crew.accounts
            yield crew

    async def _load(
        self, parts: Parts, judging: Judging, desk: Desk, faults: Faults, caretaker: Caretaker, load: Load | Crew
    ) -> RunFacts:
        told = self._told_alike(parts.prepared)
        began = self._clock.now()
        lookout = self._powers.lookout
        with lookout.during(load.stop):
            await load.run(self._observer, self._interruption)
        self._interruption.spare()
        if lookout.problem is not None and not desk.tally.violations:
            raise lookout.problem
        if await load.conclude(self._interruption, audit=lookout.problem is None):
            await caretaker.conclude(self._interruption)
        return RunFacts(
            seed=self._options.seed,
            started=self._started,
            duration=self._clock.now() - began,
            generator=load.generator(),
            canaries=told_canaries(self._scenario, judging.canaries),
            faults=tuple(told_faults(self._scenario, faults.recovery)),
            blind_spots=(
                *self._blind_spots(parts.prepared),
                *unproven(judging.canaries, desk.tally, judging.telling),
                *self._never_cold(),
            ),
            alike=told,
            drift=tuple(parts.prepared.drift.told(self._scenario, began)),
            windows=load.windows.worst,
            stopped=desk.halt.reason,
            lost="" if lookout.problem is None else lookout.problem.message,
            **covered(judging.coverage, desk.tally),
        )

    def _blind_spots(self, prepared: Prepared) -> Iterator[str]:
        return blind_spots(self._scenario, prepared.population, prepared.expectations, prepared.oracle)

    def _never_cold(self) -> Iterator[str]:
        hunt = self._scenario.hunt
        if hunt.share and hunt.cold and not self._scenario.planned and self._powers.renew is None:
            why = "backends are not made anew but by the embedded stack's PgBouncer"
            yield f"what leaks at a backend's first use: {why}"

    async def _explain(self, parts: Parts, desk: Desk) -> None:
        there = self._interruption.code is None and self._powers.lookout.problem is None
        if desk.findings and there:
            powers = self._powers
            fresh = Fresh(powers.freshen, powers.start_over) if powers.freshen is not None else None
            asking = Asking(parts, self._clock, fresh, powers.past_pooler)
            # A server that ends now must not take the findings with it: what is asked of it finds no answer.
            with self._powers.lookout.during(lambda: None):
                looking = look_into(desk, asking, self._observer, reproduce=self._options.reproduce)
                await self._interruption.until_signal(looking)

    def _outcome(self, prepared: Prepared, judging: Judging, desk: Desk, facts: RunFacts) -> Outcome:
        # What lists its exchanges asks whether just these are answered rightly, and claims nothing beyond them.
        blind = [] if self._scenario.planned else self._blind(prepared, facts)
        for request in judging.canaries.passed:
            name = self._scenario.requests[request].name
            blind.append(f"request {name!r} is blind: an answer of another identity was taken for right (a canary)")
        blind += self._nobody(prepared)
        blind += unmade_faults(facts.faults)
        blind += facts.writes["doubts"] if facts.writes else []
        blind += [f"{sentence} ({times} times)" for sentence, times in Counter(self._powers.lookout.revivals).items()]
        blind += desk.doubts
        interrupted = self._interruption.code
        seen = figures(self._scenario, desk.tally, desk.findings, blind, facts, interrupted)
        return decide(seen, self._scenario.thresholds)

    def _nobody(self, prepared: Prepared) -> Iterator[str]:
        for mix, members in zip(self._scenario.identities, prepared.population.ranges, strict=True):
            if not members:
                yield f"identity {mix.name!r} is nobody, for its `from` reads no row: is the table filled?"

    def _blind(self, prepared: Prepared, facts: RunFacts) -> list[str]:
        blind = [*blindness(self._scenario, prepared.population, prepared.expectations, prepared.oracle)]
        if facts.coverage.get("handoffs") == 0:
            blind.append("no backend was handed from one identity to another: run longer, with more concurrency")
        return blind

    def _write_down(self, folder: RunFolder, parts: Parts, outcome: Outcome, desk: Desk, facts: RunFacts) -> Ended:
        scenario, population, compose = self._scenario, parts.prepared.population, parts.composer.compose
        base = target_url(scenario.target.url)
        reproductions = ReproductionWriter(scenario, population, self._loaded.folder, compose, base)
        place = partial(self._loaded.place, "requests")
        writer = FindingWriter(scenario, population, place, compose, reproductions.stored)
        findings = [writer.stored(finding) for finding in desk.findings]
        for finding in desk.findings:
            folder.write_reproduction(reproductions.files(finding))
        summary = build_summary(desk.tally, list(desk.findings), outcome, facts)
        folder.write_findings(findings)
        folder.write_summary(summary)
        return Ended(summary, findings, folder.path)
