"""The load of a run, carried by several workers: they go through its phases and faults together, so that it is one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Final

from loadcheck.clock import Clock
from loadcheck.judge.outcome import Worst
from loadcheck.record.sampler import Sampler
from loadcheck.record.windows import Windows
from loadcheck.run.desk import Desk
from loadcheck.run.faults.cold import ColdBackends
from loadcheck.run.faults.faults import Break, Faults
from loadcheck.run.faults.oracle_disconnect import OracleDisconnect
from loadcheck.run.faults.powers import Renew
from loadcheck.run.faults.refused_tokens import RefusedTokens
from loadcheck.run.interruption import Interruption
from loadcheck.run.judging.accounts import Accounts
from loadcheck.run.judging.judging import Judging
from loadcheck.run.load import STOPPING, broken_threshold
from loadcheck.run.observer import Gauges, Observer
from loadcheck.run.parts import Parts
from loadcheck.run.sampling import Sampling
from loadcheck.run.upkeep import Upkeep
from loadcheck.run.workers.errands import Errands
from loadcheck.run.workers.hands import Hands
from loadcheck.run.workers.messages import (
    Begin,
    Conclude,
    Enough,
    Finish,
    Mended,
    Rotated,
    Settle,
    Stop,
    Strike,
)
from loadcheck.run.workers.totals import Totals, uncounted
from loadcheck.scenario.fault import Fault, FaultKind
from loadcheck.scenario.target import Jwt
from loadcheck.tasks import ungrouped

_EVERY_S: Final = 1.0
# How long workers may take to leave at once, and write down what they have.
_LEAVING_S: Final = 10.0


class Crew:
    """Has the workers go through the phases together.

    Args:
        hands: The workers.
        parts: The run's own, which watch the clocks.
        judging: Where canaries and coverage go; it judges nothing itself.
        desk: Where everything else goes.
        faults: What breaks meanwhile, of which the workers are told.
        seed: The run's.
        clock: The run's clock.
        renew: Has the pooler make its connections anew; None where that cannot be.

    Attributes:
        windows: Measures the thresholds that must hold in windows.
    """

    def __init__(  # noqa: PLR0913 -- each is one thing that goes on during the load
        self,
        hands: Hands,
        parts: Parts,
        judging: Judging,
        desk: Desk,
        faults: Faults,
        *,
        seed: int,
        clock: Clock,
        renew: Renew | None,
    ) -> None:
        self._hands = hands
        self._parts = parts
        self._judging = judging
        self._desk = desk
        self._faults = faults
        self._strikes = 0
        self._stopped = False
        self._refused = RefusedTokens(parts.prepared, parts.folder, clock, seed)
        self._cold = ColdBackends(renew)
        self._errands = Errands(hands, faults.recovery, self._cold)
        self._clock = clock
        self._totals = Totals(hands, judging, desk)
        self._began = clock.now()
        self.windows = Windows(desk.tally)

    async def run(self, observer: Observer, interruption: Interruption) -> None:
        """Run every phase; the first signal ends it in order, the second at once, both with all verdicts counted.

        Raises:
            LoadcheckError: a worker cannot go on.
        """
        self._began = self._clock.now()
        interruption.soften(self._interrupt)
        reached, on = self._judging.coverage.reached, self._faults.recovery.on
        gauges = Gauges(self._now, self._totals.in_flight, reached, faults=on)
        self._desk.halt.arm(self.stop)
        observer.started(self._desk.tally, gauges)
        try:
            await self._to_the_end()
        except asyncio.CancelledError:
            interruption.forgive()
            self._hands.tell(Stop())
            self._hands.tell(Settle())
            await interruption.until_signal(self._in_time(self._judged))
            self._totals.count()
        finally:
            observer.finished()

    async def conclude(self, interruption: Interruption, *, audit: bool) -> bool:
        """Have the workers audit what they have written, until the next signal, and write down the rest.

        Args:
            interruption: Hears the signals.
            audit: Whether the database is still there to be looked at.

        Returns:
            Whether the audits came to their end.

        Raises:
            LoadcheckError: a worker cannot go on.
        """
        done = audit and await self._audit(interruption)
        self._hands.tell(Finish())
        if not await interruption.until_signal(self._over()):
            await interruption.until_signal(self._in_time(self._over))
        self._totals.close()
        return done

    def stop(self) -> None:
        """Have nothing more sent, and what is broken mended; `run` returns once what is under way is judged."""
        if not self._stopped:  # said again, it would have the workers leave at once
            self._stopped = True
            self._hands.tell(Stop())
            self._faults.end()

    def accounts(self) -> Accounts:
        """Return what came of the writes."""
        return self._totals.accounts()

    def generator(self) -> dict[str, float | None]:
        """Return what loadcheck itself used and missed, and by how much it was late."""
        return self._totals.generator()

    async def _to_the_end(self) -> None:
        with ungrouped():
            async with asyncio.TaskGroup() as tasks:
                beside = [self._sample(), self._mind(), self._upkeep(), self._cold.run(), self._errands.run()]
                minding = [tasks.create_task(each) for each in beside]
                breaking = tasks.create_task(self._faults.run(self._ours(), self._rotated, self._announced))
                for phase in range(len(self._desk.tally.scenario.load)):
                    await self._waiting(phase)
                    await self._begin(phase)
                await self._waiting(len(self._desk.tally.scenario.load))
                # What is broken is mended before anybody is asked again.
                self._faults.end()
                await asyncio.wait([breaking])
                self._hands.tell(Settle())
                await self._judged()
                for task in minding:
                    task.cancel()

    async def _begin(self, phase: int) -> None:
        """Have all begin a phase, and tell of that before any of its faults."""
        at = self._clock.now()
        self._hands.tell(Begin(phase))
        await self._hands.report()
        self._totals.count()
        self._faults.started(at)

    async def _waiting(self, phase: int) -> None:
        await self._hands.until(lambda hand: hand.waiting >= phase)

    async def _judged(self) -> None:
        await self._hands.until(lambda hand: hand.judged)

    async def _over(self) -> None:
        """Wait for all that have judged everything: one that has not by now is stuck."""
        await self._hands.until(lambda hand: hand.over or not hand.judged)

    async def _audit(self, interruption: Interruption) -> bool:
        """Have all audit what they have written, until the next signal; return whether that came to its end."""
        errands = asyncio.create_task(self._errands.run())
        self._hands.tell(Conclude())
        try:
            done = await interruption.until_signal(self._audited())
            if not done:
                self._hands.tell(Enough())
                await interruption.until_signal(self._in_time(self._audited))
            return done
        finally:
            errands.cancel()

    async def _audited(self) -> None:
        await self._hands.until(lambda hand: hand.audited or not hand.judged)

    async def _in_time(self, wait: Callable[[], Awaitable[None]]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVING_S):
                await wait()

    async def _upkeep(self) -> None:
        """Keep what the run's own process needs in the end, and count what drifts: each worker keeps its own."""
        prepared = self._parts.prepared
        truths = Upkeep(
            prepared.oracle, prepared.drift, prepared.scenario.truth.every, self._desk.observer, self._clock
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._parts.clockwatch.watch())
            tasks.create_task(truths.run())

    async def _mind(self) -> None:
        """Where a worker is lost, have the others end in order: what they would still send is no longer the run."""
        await self._hands.until_lost()
        lost = next(hand for hand in self._hands.hands if hand.lost)
        self._desk.observer.step(f"stopping: {uncounted(lost)}")
        self.stop()

    def _ours(self) -> Mapping[FaultKind, Break]:
        """Return what makes the faults of loadcheck's own side here: the workers, told of each, send and read."""
        return {
            FaultKind.ABORT: lambda _fault, _chance: nullcontext(),
            FaultKind.EXPIRE_TOKENS: lambda _fault, _chance: nullcontext(),
            FaultKind.ORACLE_DISCONNECT: OracleDisconnect(self._parts.database).breaking,
        }

    @asynccontextmanager
    async def _announced(self, fault: int) -> AsyncIterator[None]:
        """Have all workers know of a fault from before its beginning until after its end."""
        self._strikes += 1
        strikes = self._strikes
        self._hands.tell(Strike(fault))
        try:
            await self._hands.until(lambda hand: hand.braced >= strikes)
            yield
        finally:
            self._hands.tell(Mended(fault))

    def _rotated(self, fault: Fault, jwt: Jwt) -> None:
        self._refused.rotated(fault, jwt)
        self._hands.tell(Rotated(fault, jwt))

    async def _sample(self) -> None:
        """Have everybody report at once, every second, for as long as it runs."""
        faults = self._faults.breaking.lately
        sampler = Sampler(self._desk.tally, self._judging.coverage.counted, self._totals.used, faults)
        sampling = Sampling(
            sampler, self._desk.series, self._totals.in_flight, self._clock, self.windows, self._now, self._broken
        )
        try:
            while True:
                await self._clock.sleep(_EVERY_S)
                await self._hands.report()
                self._totals.count()
                sampling.sample(self._began)
        finally:
            self._totals.count()
            sampling.sample(self._began)

    def _broken(self, name: str, worst: Worst) -> None:
        told = broken_threshold(name, worst)
        self._desk.observer.step(told)
        self._desk.halt.pull(told)

    def _interrupt(self) -> None:
        self._desk.observer.step(STOPPING)
        self.stop()

    def _now(self) -> float:
        return self._clock.now() - self._began
