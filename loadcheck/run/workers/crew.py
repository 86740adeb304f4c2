"""The load of a run, carried by several workers: put together what they count, so that it is one run."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from itertools import chain, zip_longest
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.events import PhaseEnded, PhaseStarted
from loadcheck.judge.outcome import Worst
from loadcheck.record.generator import Generator
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
from loadcheck.run.workers.hands import Hand, Hands
from loadcheck.run.workers.messages import (
    Begin,
    Conclude,
    Enough,
    Finish,
    Look,
    Mended,
    Report,
    Rotated,
    Settle,
    Stop,
    Strike,
)
from loadcheck.run.workers.uses import Confluence
from loadcheck.scenario.fault import Fault, FaultKind
from loadcheck.scenario.target import Jwt
from loadcheck.tasks import ungrouped

_EVERY_S: Final = 1.0
_UNFINISHED: Final = "what worker {} has written is not accounted for: it did not audit it to the end"
# How long workers may take to leave at once, and write down what they have.
_LEAVING_S: Final = 10.0
_LATEST: Final = ("lag_p99_ms", "late_p99_ms", "starved_s")


class Crew:
    """Has the workers go through the phases together, and counts for the run what they have counted.

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
        self._generator = _Together(hands)
        self._confluence = Confluence(judging.coverage)
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
        gauges = Gauges(self._now, self._in_flight, reached, faults=on)
        self._desk.halt.arm(self.stop)
        observer.started(self._desk.tally, gauges)
        try:
            await self._to_the_end()
        except asyncio.CancelledError:
            interruption.forgive()
            self._hands.tell(Stop())
            self._hands.tell(Settle())
            await interruption.until_signal(self._in_time(self._judged))
            self._put_together()
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
        self._conclude()
        return done

    def stop(self) -> None:
        """Have nothing more sent, and what is broken mended; `run` returns once what is under way is judged."""
        if not self._stopped:  # said again, it would have the workers leave at once
            self._stopped = True
            self._hands.tell(Stop())
            self._faults.end()

    def accounts(self) -> Accounts:
        """Return what came of the writes of all workers; what one has not audited to its end is in doubt."""
        together = Accounts.together([report.accounts for report in self._reports()])
        unfinished = [hand.number for hand in self._hands.hands if hand.finished is None]
        together.doubts += [_UNFINISHED.format(number) for number in unfinished]
        return together

    def generator(self) -> dict[str, float | None]:
        """Return what loadcheck itself used and missed, in all its processes, and by how much the latest was late."""
        told = [report.generator for report in self._reports()]
        latest = {name: max((one[name] or 0.0 for one in told), default=0.0) for name in _LATEST}
        return {**self._generator.figures(), "missed": self._desk.tally.missed_arrivals, **latest}

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
        await self._look()
        self._put_together()
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
        self._desk.observer.step(f"stopping: {_uncounted(lost)}")
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
        sampler = Sampler(self._desk.tally, self._judging.coverage.counted, self._generator, faults)
        sampling = Sampling(
            sampler, self._desk.series, self._in_flight, self._clock, self.windows, self._now, self._broken
        )
        try:
            while True:
                await self._clock.sleep(_EVERY_S)
                await self._look()
                self._put_together()
                sampling.sample(self._began)
        finally:
            self._put_together()
            sampling.sample(self._began)

    async def _look(self) -> None:
        wanted = {hand.number: hand.reports + 1 for hand in self._hands.hands}
        self._hands.tell(Look())
        await self._hands.until(lambda hand: hand.reports >= wanted[hand.number])

    def _put_together(self) -> None:
        """Count for the run what its workers have counted in all."""
        desk, reports = self._desk, self._reports()
        desk.tally.put_together(report.tally for report in reports)
        for finding in desk.findings.put_together(hand.findings for hand in self._hands.hands):
            desk.observer.finding(finding)
        canaries = self._judging.canaries
        canaries.planted = sum((report.planted for report in reports), Counter())
        canaries.passed = sum((report.passed for report in reports), Counter())
        self._confluence.add([hand.taken() for hand in self._hands.hands])
        if desk.findings:
            desk.halt.pull("a violation")

    def _conclude(self) -> None:
        """Count what came last, and keep what is told at the end only."""
        self._put_together()
        self._confluence.close()
        finished = [hand.finished for hand in self._hands.hands if hand.finished is not None]
        beginnings = zip_longest(*(each.beginning for each in finished))
        self._desk.trail.begin_with(draw for draw in chain.from_iterable(beginnings) if draw is not None)
        self._desk.elsewhere.extend(each.kept for each in finished)
        self._desk.doubts.extend(_uncounted(hand) for hand in self._hands.hands if hand.finished is None)
        for event, missed in self._phases():
            self._desk.history.phase(event, missed)

    def _phases(self) -> Iterator[tuple[PhaseStarted | PhaseEnded, int]]:
        for index, phase in enumerate(self._desk.tally.phases):
            if phase.started is not None:
                yield PhaseStarted(index, phase.phase, phase.started), 0
            if phase.ended is not None:
                yield PhaseEnded(index, phase.phase, phase.ended), phase.missed

    def _broken(self, name: str, worst: Worst) -> None:
        told = broken_threshold(name, worst)
        self._desk.observer.step(told)
        self._desk.halt.pull(told)

    def _interrupt(self) -> None:
        self._desk.observer.step(STOPPING)
        self.stop()

    def _reports(self) -> list[Report]:
        return [hand.report for hand in self._hands.hands if hand.report is not None]

    def _in_flight(self) -> int:
        return sum(report.in_flight for report in self._reports())

    def _now(self) -> float:
        return self._clock.now() - self._began


def _uncounted(hand: Hand) -> str:
    how = hand.lost or "did not end in time"
    return f"worker {hand.number} {how}: what it had done since its last report is not counted"


class _Together(Generator):
    """What all processes of loadcheck have used.

    Args:
        hands: The workers.
    """

    def __init__(self, hands: Hands) -> None:
        super().__init__()
        self._hands = hands

    def figures(self) -> dict[str, float | None]:
        """Return seconds of processor time and of waiting for it, and in MB the sum of the largest memories."""
        told = [super().figures(), *(hand.report.generator for hand in self._hands.hands if hand.report is not None)]
        return {name: round(sum(one[name] or 0.0 for one in told), 3) for name in ("cpu_s", "waited_s", "rss_max_mb")}
