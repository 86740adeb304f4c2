"""Faults as a worker has them: made by the run's own process, which tells of each before and after."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from loadcheck.clock import Clock
from loadcheck.engine.randomness import source
from loadcheck.run.faults.breaking import Breaking
from loadcheck.run.faults.faults import Break, Rotated
from loadcheck.run.faults.recovery import Recovery, Window
from loadcheck.run.workers import messages
from loadcheck.run.workers.line import Line
from loadcheck.scenario.fault import Fault, FaultKind


class HeardFaults:
    """Judges under the faults that it hears of, and makes what strikes this process's own sending and reading.

    Args:
        faults: The scenario's.
        line: Where it answers, and tells when the target has recovered.
        clock: The worker's clock.
        seed: The run's, for what a fault strikes.
        phases: How many phases the load has.

    Attributes:
        recovery: Knows under which fault an exchange was made, and how the target recovered.
        breaking: Knows which faults are on.
    """

    def __init__(self, faults: Sequence[Fault], line: Line, clock: Clock, seed: int, phases: int) -> None:
        self.recovery = Recovery(list(faults), self._tell_recovery)
        self.breaking = Breaking()
        self._faults = faults
        self._line = line
        self._clock = clock
        self._seed = seed
        self._phases = phases
        self._news: asyncio.Queue[object] = asyncio.Queue()
        self._zero: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._on: dict[int, tuple[AsyncExitStack, Window | None]] = {}
        self._ended = False

    def hear(self, news: messages.Strike | messages.Rotated | messages.Mended | messages.Settle) -> None:
        """Take note of what the run tells; it is done in its order."""
        self._news.put_nowait(news)

    def started(self, at: float) -> None:
        """Count time from the first phase's start, which was `at` by the worker's clock."""
        if not self._zero.done():
            self._zero.set_result(at)

    async def run(self, ours: Mapping[FaultKind, Break], rotated: Rotated) -> None:
        """Follow the run's faults until all are mended, after the `end`.

        Args:
            ours: What makes the faults of this process's own sending and reading.
            rotated: Told of a new key.
        """
        async with AsyncExitStack() as everything:
            everything.push_async_callback(self._leave)
            while True:
                match await self._news.get():
                    case messages.Strike(fault=fault):
                        await self._begin(fault, ours)
                    case messages.Rotated(fault=cause, jwt=jwt):
                        rotated(cause, jwt)
                    case messages.Mended(fault=fault):
                        await self._finish(fault)
                    case messages.Settle():
                        return

    def end(self) -> None:
        """Tell that this worker sends nothing more: the run has all mended once none of them does."""
        if not self._ended:
            self._ended = True
            self.started(self._clock.now())
            self._line.send(messages.Waiting(self._phases))

    async def _begin(self, index: int, ours: Mapping[FaultKind, Break]) -> None:
        fault, now = self._faults[index], self._clock.now() - await self._zero
        stack = AsyncExitStack()
        stack.enter_context(self.breaking.on(fault.label))
        if fault.do in ours:
            await stack.enter_async_context(ours[fault.do](fault, source(self._seed, "fault", index)))
        self._on[index] = stack, self.recovery.begin(index, now) if fault.of_the_target else None
        self._line.send(messages.Braced())

    async def _finish(self, index: int) -> None:
        stack, window = self._on.pop(index)
        await stack.aclose()
        if window is not None:
            self.recovery.end(window, self._clock.now() - await self._zero)

    async def _leave(self) -> None:
        for index in list(self._on):
            await self._finish(index)

    def _tell_recovery(self, window: Window) -> None:
        if window.recovered is not None and window.ended is not None:
            self._line.send(messages.Recovered(window.fault, window.nth, window.recovered - window.ended))
