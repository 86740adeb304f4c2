"""The engine: phase after phase of load, told as events."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.arrivals import arrivals
from loadcheck.engine.callers import Callers
from loadcheck.engine.events import Draw, Ended, Event, Exchange, Missed, PhaseEnded, PhaseStarted
from loadcheck.engine.feed import Feed
from loadcheck.engine.flights import Flights
from loadcheck.engine.gathering import Gathering
from loadcheck.engine.lateness import Lateness, watch
from loadcheck.engine.messages import Message
from loadcheck.engine.randomness import source
from loadcheck.engine.share import WHOLE, Share
from loadcheck.engine.transport import Transport
from loadcheck.scenario.phase import Phase
from loadcheck.tasks import ungrouped

LAG_EVERY_S: Final = 0.1
_AT_ONCE: Final = 64  # arrivals that are due together; more wait until answers were read

Gate = Callable[[int], Awaitable[None]]
"""Awaited with the index of each phase before it begins, so that several engines begin it together."""


async def at_once(_phase: int) -> None:
    """Begin a phase without waiting for anybody."""


class Engine:
    """Sends what the feed hands out, as the phases say, and emits what came of it.

    Args:
        phases: The scenario's load, in order.
        feed: The draws, prepared; the engine fills it while it runs.
        compose: Makes the message of a draw.
        transport: Carries the messages; the caller closes it.
        clock: Everything is timed by it. Events carry seconds since the first phase began.
        emit: Called with every event, on the event loop: it must be quick.
        seed: The run's seed, for Poisson arrivals.
        share: What this engine takes of the phases; all by default.
        gate: What each phase waits for.

    Attributes:
        lateness: By how much open-loop arrivals were dispatched after their time.
        lag: By how much the event loop ran anything after its time.
    """

    def __init__(  # noqa: PLR0913 -- each is one thing that tests replace on its own
        self,
        *,
        phases: Sequence[Phase],
        feed: Feed,
        compose: Callable[[Draw], Message],
        transport: Transport,
        clock: Clock,
        emit: Callable[[Event], None],
        seed: int,
        share: Share = WHOLE,
        gate: Gate = at_once,
    ) -> None:
        self._phases = share.phases(phases)
        self._share = share
        self._gate = gate
        self._feed = feed
        self._compose = compose
        self._clock = clock
        self._emit = emit
        self._seed = seed
        self._flights = Flights(transport, clock, self._landed, self._fail)
        self._callers: Callers | None = None
        self._dispatcher: asyncio.Task[None] | None = None
        self._gathering = Gathering(self._tell_ended)
        self._change = asyncio.Event()
        self._problem: Exception | None = None
        self._failed = asyncio.Event()
        self._stopping = False
        self.lateness = Lateness()
        self.lag = Lateness()

    @property
    def in_flight(self) -> int:
        """How many exchanges are sent and not yet done."""
        return len(self._flights)

    async def run(self) -> None:
        """Run every phase to its end.

        Cancelling leaves at once: what is in flight is emitted as interrupted.

        Raises:
            Exception: the first that composing, preparing or emitting raised.
        """
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                beside = (
                    group.create_task(self._feed.fill()),
                    group.create_task(watch(self._clock, LAG_EVERY_S, self.lag)),
                    group.create_task(self._raise_problem()),
                )
                await self._feed.primed()
                await self._run_phases()
                if self._problem is not None:
                    raise self._problem
                for task in beside:
                    task.cancel()

    def stop(self) -> None:
        """Let nothing more start; `run` returns when what is in flight has ended."""
        self._stopping = True
        self._feed.close()
        if self._dispatcher is not None:
            self._dispatcher.cancel()

    def now(self) -> float:
        """Return the seconds since the first phase began."""
        return self._flights.now()

    async def _run_phases(self) -> None:
        for index, phase in enumerate(self._phases):
            await self._gate(index)
            if self._stopping:
                return
            if index == 0:
                self._flights.start = self._clock.now()
            began = self.now()
            self._emit(PhaseStarted(index, phase, began))
            try:
                await self._run_phase(index, phase, began)
            finally:
                self._callers = None
                self._flights.abandon()
                self._flights.hand_on()
                self._gathering.tell()
                self._emit(PhaseEnded(index, phase, self.now()))

    async def _run_phase(self, index: int, phase: Phase, began: float) -> None:
        if phase.concurrency is None:
            async with asyncio.TaskGroup() as group:
                self._dispatcher = group.create_task(self._dispatch(index, phase, began))
        else:
            await self._call(Callers(phase, began, self._feed, self.now, partial(self._begin, index)))
        while self._flights:
            await self._news()

    async def _call(self, callers: Callers) -> None:
        """Let callers send for as long as they do; they go on by themselves unless they starve."""
        self._callers = callers
        while not callers.over:
            callers.send()
            if callers.starving:
                if not await self._feed.ready():
                    return
            elif not callers.over:
                await self._news()

    async def _dispatch(self, index: int, phase: Phase, began: float) -> None:
        """Start the exchanges of an open loop at their times; one that is late keeps its intended time."""
        now, room = -math.inf, 0
        for at in self._share.dealt(arrivals(phase, source(self._seed, "arrivals", index))):
            intended = began + at
            if intended > now or not room:
                now, room = await self._until(intended), _AT_ONCE
            room -= 1
            self.lateness.add(self.now() - intended)
            if len(self._flights) >= phase.max_in_flight:
                self._emit(Missed(index, intended))
            elif self._feed.at_hand or await self._feed.ready():
                self._begin(index, self._feed.take(), intended)

    def _begin(self, phase: int, draw: Draw, intended: float) -> None:
        self._flights.begin(self._compose(draw), draw, phase, intended)

    def _landed(self, exchanges: Sequence[Exchange]) -> None:
        """Let those who were answered send again, and only then tell of their answers.

        So the target is not kept waiting for what is made of its answers, and is woken once for many requests.
        """
        self._gathering.add(exchanges)
        try:
            if self._callers is not None:
                self._callers.answered(len(exchanges))
        except Exception as error:  # noqa: BLE001 -- `run` raises it
            self._fail(error)
        self._change.set()

    def _tell_ended(self, exchanges: Sequence[Exchange]) -> None:
        try:
            self._emit(Ended(exchanges))
        except Exception as error:  # noqa: BLE001 -- as above
            self._fail(error)

    async def _news(self) -> None:
        """Wait until something landed."""
        self._change.clear()
        await self._change.wait()

    def _fail(self, error: Exception) -> None:
        self._problem = self._problem or error
        self._failed.set()

    async def _raise_problem(self) -> None:
        await self._failed.wait()
        if self._problem is not None:
            raise self._problem

    async def _until(self, at: float) -> float:
        """Wait for a time of the run, and return when it is.

        It yields even when it is late, so that a dispatcher behind its schedule lets answers be read; and it
        sleeps again when a coarse timer woke it early, for nothing may be sent before its time.
        """
        await self._clock.sleep(at - self.now())
        while (now := self.now()) < at:
            await self._clock.sleep(at - now)
        return now
