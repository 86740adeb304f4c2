"""The load of a run: the engine at work, with everything that judges beside it."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.draws import Draws
from loadcheck.engine.engine import Engine, Gate, at_once
from loadcheck.engine.events import Draw, Ended, Event, PhaseEnded, PhaseStarted
from loadcheck.engine.feed import Feed
from loadcheck.engine.messages import Message
from loadcheck.engine.plan import planned
from loadcheck.engine.randomness import source
from loadcheck.engine.share import WHOLE, Share
from loadcheck.judge.outcome import Worst
from loadcheck.record.generator import Generator
from loadcheck.record.sampler import Sampler
from loadcheck.record.windows import Windows
from loadcheck.run.desk import Desk
from loadcheck.run.faults.aborts import Aborts
from loadcheck.run.faults.cold import ColdBackends
from loadcheck.run.faults.faults import Break, Breakage
from loadcheck.run.faults.oracle_disconnect import OracleDisconnect
from loadcheck.run.faults.powers import Renew
from loadcheck.run.faults.refused_tokens import RefusedTokens
from loadcheck.run.interruption import Interruption
from loadcheck.run.judging.accounts import Accounts
from loadcheck.run.judging.audit import Audit
from loadcheck.run.judging.judging import Judging
from loadcheck.run.observer import Gauges, Observer
from loadcheck.run.parts import Parts
from loadcheck.run.preparing.owning import owning_together
from loadcheck.run.preparing.preparation import Prepared
from loadcheck.run.sampling import Sampling
from loadcheck.run.undisturbed import undisturbed
from loadcheck.run.upkeep import Upkeep
from loadcheck.scenario.fault import FaultKind
from loadcheck.tasks import ungrouped

# How long answers may still be looked at again after the last one: a slow oracle must not hold a run for ever.
_SETTLING_S: Final = 60.0
_SEED_BITS: Final = 32

STOPPING: Final = "stopping: what is under way is still judged; once more leaves at once"


class Load:
    """Sends what the scenario's phases ask for, until every exchange has its verdict.

    Args:
        parts: What sends and what knows the right answers.
        judging: Judges every exchange.
        desk: Takes every verdict.
        faults: What breaks meanwhile.
        audit: Looks at what the run has written.
        seed: What the inputs are drawn from.
        clock: The run's clock.
        renew: Has the pooler make its connections anew; None where that cannot be.
        share: What this process takes of the load; all by default.
        gate: What each phase waits for.

    Attributes:
        windows: Measures the thresholds that must hold in windows.
    """

    def __init__(  # noqa: PLR0913 -- each is one thing that goes on during the load
        self,
        parts: Parts,
        judging: Judging,
        desk: Desk,
        faults: Breakage,
        audit: Audit,
        *,
        seed: int,
        clock: Clock,
        renew: Renew | None = None,
        share: Share = WHOLE,
        gate: Gate = at_once,
    ) -> None:
        prepared = parts.prepared
        self._parts = parts
        self._judging = judging
        self._desk = desk
        self.windows = Windows(desk.tally)
        self._faults = faults
        self._refused = RefusedTokens(prepared, parts.folder, clock, seed)
        self._audit = audit
        self._aborts = Aborts(seed)
        self._cold = ColdBackends(renew)
        self._clock = clock
        self._generator = Generator()
        every = prepared.scenario.truth.every
        self._upkeep = Upkeep(prepared.oracle, prepared.drift, every, desk.observer, clock)
        self._feed = Feed(map(self._aborts.strike, _inputs(prepared, seed, share)), self._upkeep.prepare, clock)
        self._engine = Engine(
            phases=prepared.scenario.load,
            feed=self._feed,
            compose=self._compose,
            transport=parts.transport,
            clock=clock,
            emit=self._take,
            seed=seed,
            share=share,
            gate=gate,
        )

    async def run(self, observer: Observer, interruption: Interruption) -> None:
        """Run every phase; the first signal ends it in order, the second at once, both with all verdicts delivered."""
        began = self._clock.now()
        interruption.soften(partial(self._interrupt, observer))
        reached = self._judging.coverage.reached
        elapsed, in_flight = lambda: self._clock.now() - began, lambda: self._engine.in_flight
        gauges = Gauges(elapsed, in_flight, reached, faults=self._faults.recovery.on)
        self._desk.halt.arm(self.stop)
        observer.started(self._desk.tally, gauges)
        try:
            with undisturbed():
                await self._to_the_end()
        except asyncio.CancelledError:
            interruption.forgive()
        finally:
            self._judging.abandon()
            observer.finished()

    def stop(self) -> None:
        """Send nothing more, and mend what is broken; `run` returns once what is under way is judged."""
        self._engine.stop()
        self._faults.end()

    async def conclude(self, interruption: Interruption, *, audit: bool) -> bool:
        """Audit what was written, until the next signal; return whether that came to its end.

        Args:
            interruption: Hears the signals.
            audit: Whether the database is still there to be looked at.
        """
        return audit and await self._audit.conclude(interruption)

    def accounts(self) -> Accounts:
        """Return what came of the writes."""
        return self._audit.accounts()

    def generator(self) -> dict[str, float | None]:
        """Return what loadcheck itself used and missed, and by how much it was late."""
        return {
            **self._generator.figures(),
            "missed": self._desk.tally.missed_arrivals,
            "lag_p99_ms": round(self._engine.lag.p99_s * 1000, 3),
            "late_p99_ms": round(self._engine.lateness.p99_s * 1000, 3),
            "starved_s": round(self._feed.starved_s, 3),
        }

    async def _to_the_end(self) -> None:
        with ungrouped():
            async with asyncio.TaskGroup() as tasks:
                settling = tasks.create_task(self._judging.settle())
                watching = tasks.create_task(self._parts.clockwatch.watch())
                rereading = tasks.create_task(self._upkeep.run())
                auditing = tasks.create_task(self._audit.run())
                sampling = tasks.create_task(self._sampling().run())
                cooling = tasks.create_task(self._cold.run())
                breaking = tasks.create_task(self._faults.run(self._ours(), self._refused.rotated))
                await self._engine.run()
                # What is broken is mended before anybody is asked again.
                cooling.cancel()
                self._faults.end()
                await asyncio.wait([breaking])
                with suppress(TimeoutError):
                    async with asyncio.timeout(_SETTLING_S):
                        await self._judging.settled()
                for task in (settling, watching, rereading, auditing, sampling):
                    task.cancel()

    def _sampling(self) -> Sampling:
        faults = self._faults.breaking.lately
        sampler = Sampler(self._desk.tally, self._judging.coverage.counted, self._generator, faults)
        series, in_flight = self._desk.series, lambda: self._engine.in_flight
        return Sampling(sampler, series, in_flight, self._clock, self.windows, self._engine.now, self._broken)

    def _broken(self, name: str, worst: Worst) -> None:
        told = broken_threshold(name, worst)
        self._desk.observer.step(told)
        self._desk.halt.pull(told)

    def _interrupt(self, observer: Observer) -> None:
        observer.step(STOPPING)
        self.stop()

    def _ours(self) -> Mapping[FaultKind, Break]:
        """Return what makes the faults that strike loadcheck's own side."""
        return {
            FaultKind.ABORT: self._aborts.aborting,
            FaultKind.EXPIRE_TOKENS: self._refused.expiring,
            FaultKind.ORACLE_DISCONNECT: OracleDisconnect(self._parts.database).breaking,
        }

    def _compose(self, draw: Draw) -> Message:
        refused = self._refused.choose(draw)
        self._judging.sending(draw, refused.fault if refused else "")
        if draw.cold:
            self._cold.want()
        message = self._parts.composer.compose(draw)
        return refused.instead(message) if refused else message

    def _take(self, event: Event) -> None:
        if isinstance(event, Ended):
            self._desk.trail.add(*event.exchanges)
            self._judging.take(event.exchanges)
            return
        if isinstance(event, PhaseStarted):
            zero = self._clock.now() - event.at
            self._faults.started(zero)
            self._judging.following.started(zero)
        elif isinstance(event, PhaseEnded):
            self._judging.coverage.counted()  # whoever is told of its end is told what it reached
        self._desk.take_note(event)


def broken_threshold(name: str, worst: Worst) -> str:
    """Return what to tell of a threshold that did not hold in a window."""
    return f"threshold {name} did not hold in the window that ended at {worst.at:.0f} s"


def _inputs(prepared: Prepared, seed: int, share: Share) -> Iterator[Draw]:
    if prepared.scenario.planned:
        return planned(prepared.scenario, prepared.population, seed)
    if share == WHOLE:
        return Draws(prepared.scenario, prepared.population, seed)
    own = source(seed, "worker", share.index).getrandbits(_SEED_BITS)
    members = share.members(prepared.population, owning_together(prepared))
    return share.numbered(Draws(prepared.scenario, members, own))
