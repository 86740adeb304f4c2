"""The engine: phase after phase of load, told as events."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from itertools import repeat
from typing import Any, Final

from loadcheck.clock import Clock
from loadcheck.engine.arrivals import arrivals
from loadcheck.engine.events import Answer, Draw, Ended, Event, Exchange, Lost, Missed, PhaseEnded, PhaseStarted
from loadcheck.engine.feed import Feed
from loadcheck.engine.lateness import Lateness, watch
from loadcheck.engine.messages import Message
from loadcheck.engine.randomness import source
from loadcheck.engine.share import WHOLE, Share
from loadcheck.engine.transport import LostAnswer, Transport
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
        in_flight: How many exchanges are sent and not yet done.
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
        self._transport = transport
        self._clock = clock
        self._emit = emit
        self._seed = seed
        self._start = 0.0
        self._stopping = False
        self._dispatcher: asyncio.Task[None] | None = None
        self._ended: list[Exchange] = []
        self._news = asyncio.Event()
        self.lateness = Lateness()
        self.lag = Lateness()
        self.in_flight = 0

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
                    group.create_task(self._tell()),
                )
                await self._feed.primed()
                await self._run_phases()
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
        return self._clock.now() - self._start

    async def _run_phases(self) -> None:
        for index, phase in enumerate(self._phases):
            await self._gate(index)
            if self._stopping:
                return
            if index == 0:
                self._start = self._clock.now()
            began = self.now()
            self._emit(PhaseStarted(index, phase, began))
            try:
                await self._run_phase(index, phase, began)
            finally:
                self._tell_ended()
                self._emit(PhaseEnded(index, phase, self.now()))

    async def _tell(self) -> None:
        """Emit what has ended, once all who had their answers meanwhile have sent what they send next.

        So the target is not kept waiting for what is made of its answers, and is woken once for many requests.
        """
        while True:
            await self._news.wait()
            self._news.clear()
            self._tell_ended()

    def _tell_ended(self) -> None:
        if self._ended:
            ended, self._ended = self._ended, []
            self._emit(Ended(ended))

    async def _run_phase(self, index: int, phase: Phase, began: float) -> None:
        async with asyncio.TaskGroup() as group:
            if phase.concurrency is None:
                self._dispatcher = group.create_task(self._dispatch(group, index, phase, began))
                return
            end = began + (phase.duration or math.inf)
            budget = repeat(None) if phase.budget is None else repeat(None, phase.budget)
            for _ in range(phase.concurrency):
                group.create_task(self._call(index, end, budget))

    async def _call(self, phase: int, end: float, budget: Iterator[None]) -> None:
        """Be one virtual caller of a closed loop: send again when the last answer is there."""
        feed = self._feed
        while (feed.at_hand or await feed.ready()) and (now := self.now()) < end and next(budget, self) is not self:
            await self._exchange(feed.take(), phase, now)

    async def _dispatch(self, group: asyncio.TaskGroup, index: int, phase: Phase, began: float) -> None:
        """Start the exchanges of an open loop at their times; one that is late keeps its intended time."""
        in_flight: set[asyncio.Task[None]] = set()
        now, room = -math.inf, 0
        for at in self._share.dealt(arrivals(phase, source(self._seed, "arrivals", index))):
            intended = began + at
            if intended > now or not room:
                now, room = await self._until(intended), _AT_ONCE
            room -= 1
            self.lateness.add(self.now() - intended)
            if len(in_flight) >= phase.max_in_flight:
                self._emit(Missed(index, intended))
            elif await self._feed.ready():
                task = group.create_task(self._exchange(self._feed.take(), index, intended))
                in_flight.add(task)
                task.add_done_callback(in_flight.discard)

    async def _exchange(self, draw: Draw, phase: int, intended: float) -> None:
        message = self._compose(draw)
        answer: Answer | None = None
        lost: Lost | None = Lost.INTERRUPTED
        handed = self.now()
        self.in_flight += 1
        try:
            sending = self._transport.send(message)
            answer = await (sending if draw.patience is None else _impatient(sending, draw.patience))
            lost = None
        except TimeoutError:
            lost = Lost.GIVEN_UP
        except LostAnswer as loss:
            lost = loss.lost
        finally:
            self.in_flight -= 1
            start = self._start
            sent, done = (handed, self.now()) if answer is None else (answer.sent - start, answer.done - start)
            if not self._ended:
                self._news.set()
            self._ended.append(Exchange(draw, phase, intended, sent, done, answer, lost))

    async def _until(self, at: float) -> float:
        """Wait for a time of the run, and return when it is.

        It yields even when it is late, so that a dispatcher behind its schedule lets answers be read; and it
        sleeps again when a coarse timer woke it early, for nothing may be sent before its time.
        """
        await self._clock.sleep(at - self.now())
        while (now := self.now()) < at:
            await self._clock.sleep(at - now)
        return now


async def _impatient(sending: Coroutine[Any, Any, Answer], patience: float) -> Answer:
    async with asyncio.timeout(patience):
        return await sending
