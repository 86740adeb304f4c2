"""Faults: what breaks on purpose while the load goes on, each at its times."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from random import Random
from typing import Final, Protocol

from loadcheck.clock import Clock
from loadcheck.engine.randomness import source
from loadcheck.errors import EnvironmentProblem, UsageProblem
from loadcheck.run.faults.breaking import Breaking
from loadcheck.run.faults.recovery import Recovery, Window
from loadcheck.run.faults.schedule import Occurrence, occurrences
from loadcheck.run.observer import Observer
from loadcheck.scenario.fault import OURS, Fault, FaultKind
from loadcheck.scenario.target import Jwt

Break = Callable[[Fault, Random], AbstractAsyncContextManager[Jwt | None]]
"""Makes a fault: it begins as the context is entered, and is mended as that is left. Draws from the randomness given.

Yields the new key where the fault has changed it.

Raises EnvironmentProblem where it cannot be made.
"""

Around = Callable[[int], AbstractAsyncContextManager[None]]
"""What is to be done before a fault, by its index, is made, and once it is mended."""

Rotated = Callable[[Fault, Jwt], None]
"""Told of a new key as soon as the target knows it."""

_TOLD: Final = 5  # occurrences of each fault that are told as they happen


class Breakage(Protocol):
    """What strikes while a load is on.

    Attributes:
        recovery: Knows under which fault an exchange was made, and how the target recovered.
        breaking: Knows which faults are on.
    """

    recovery: Recovery
    breaking: Breaking

    def started(self, at: float) -> None:
        """Count time from the first phase's start, which was `at` by the run's clock."""

    async def run(self, ours: Mapping[FaultKind, Break], rotated: Rotated) -> None:
        """Have faults strike until the `end`, or until cancelled; what is broken then is mended first.

        Args:
            ours: What makes the faults of loadcheck's own sending and reading.
            rotated: Told of a new key.
        """

    def end(self) -> None:
        """Let nothing strike any more."""


class Faults:
    """Makes the scenario's faults, each at its times.

    Args:
        faults: The scenario's.
        breaks: What makes them, by kind; those of loadcheck's own side come with `run`.
        observer: Is told of them.
        clock: The run's clock.
        seed: The run's, for what a fault strikes.

    Attributes:
        recovery: Knows under which fault an exchange was made, and how the target recovered.
        breaking: Knows which faults are on.

    Raises:
        UsageProblem: a fault is asked for that nobody can make here.
    """

    def __init__(
        self, faults: Sequence[Fault], breaks: Mapping[FaultKind, Break], observer: Observer, clock: Clock, seed: int
    ) -> None:
        self.recovery = Recovery(list(faults), self._tell_recovery)
        self.breaking = Breaking()
        self._faults = faults
        self._breaks = breaks
        self._observer = observer
        self._clock = clock
        self._seed = seed
        self._zero: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._keeping: list[asyncio.Task[None]] = []
        self._mending: set[int] = set()
        self._ended = False
        for fault in faults:
            if fault.do not in OURS and fault.do not in breaks:
                raise UsageProblem(
                    f"the fault {fault.label} needs the embedded stack: a target is not loadcheck's to break",
                    "Run it with --embedded, or do it by a command of your own: `do: run`.",
                )

    def started(self, at: float) -> None:
        """Count time from the first phase's start, which was `at` by the run's clock."""
        if not self._zero.done():
            self._zero.set_result(at)

    async def run(
        self, ours: Mapping[FaultKind, Break], rotated: Rotated, around: Around = lambda _: nullcontext()
    ) -> None:
        """Make every fault at its times until the `end`, or until cancelled; what is broken then is mended first.

        Args:
            ours: What makes the faults of loadcheck's own sending and reading.
            rotated: Told of a new key as soon as the target knows it.
            around: What else is to be done for each, by default nothing.
        """
        self._breaks = {**self._breaks, **ours}
        self._rotated = rotated
        self._around = around
        async with asyncio.TaskGroup() as tasks:
            self._keeping = [tasks.create_task(self._keep(*each)) for each in enumerate(self._faults)]

    def end(self) -> None:
        """Let no fault happen any more, and mend what is broken; then `run` returns."""
        self._ended = True
        for index, task in enumerate(self._keeping):
            if index not in self._mending and not task.cancelling():  # the mending itself must not be
                task.cancel()

    async def _keep(self, index: int, fault: Fault) -> None:
        zero = await self._zero
        for time, occurrence in enumerate(occurrences(fault)):
            await self._clock.sleep(zero + occurrence.begins - self._clock.now())
            late = self._clock.now() - zero - occurrence.begins
            if fault.every is None or late < fault.every:
                await self._happen(index, occurrence, zero, source(self._seed, "fault", index, time))
            # Where something could not be mended as this was cancelled, that error took the place of the cancelling.
            if self._ended or ((task := asyncio.current_task()) is not None and task.cancelling()):
                return

    async def _happen(self, index: int, occurrence: Occurrence, zero: float, chance: Random) -> None:
        fault, toll = self._faults[index], self.recovery.tolls[index]
        toll.times += 1
        if toll.times <= _TOLD:
            self._observer.step(f"fault: {fault.label}{_often(toll.times, fault)}")
        window = self.recovery.begin(index, self._clock.now() - zero) if fault.of_the_target else None
        try:
            async with self._around(index), self._broken(fault, chance) as jwt:
                if jwt is not None:
                    self._rotated(fault, jwt)
                await self._clock.sleep(occurrence.ends - occurrence.begins)
                self._mending.add(index)
        except EnvironmentProblem as problem:
            toll.failures += 1
            toll.failed = problem.message
            told = "\n".join(filter(None, (problem.message, problem.advice)))
            self._observer.step(f"fault: {fault.label} could not be made: {told}")
        finally:
            self._mending.discard(index)
            if window is not None:
                self.recovery.end(window, self._clock.now() - zero)

    @asynccontextmanager
    async def _broken(self, fault: Fault, chance: Random) -> AsyncIterator[Jwt | None]:
        with self.breaking.on(fault.label):
            async with self._breaks[fault.do](fault, chance) as jwt:
                yield jwt

    def _tell_recovery(self, window: Window) -> None:
        fault, toll = self._faults[window.fault], self.recovery.tolls[window.fault]
        if window.ended is not None and window.recovered is not None and toll.times <= _TOLD:
            self._observer.step(f"fault: recovered from {fault.label} in {window.recovered - window.ended:.2f} s")


def _often(times: int, fault: Fault) -> str:
    return " (and so on: not told any more)" if times == _TOLD and fault.every is not None else ""
