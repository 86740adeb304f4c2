"""Keeping truths at hand while a run goes on: read ahead of what is sent, and again on a schedule."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

import asyncpg

from loadcheck.clock import Clock
from loadcheck.errors import EnvironmentProblem, LoadcheckError
from loadcheck.oracle.database import GONE
from loadcheck.oracle.oracle import Asked, Oracle
from loadcheck.oracle.truths import Question
from loadcheck.run.observer import Observer
from loadcheck.run.preparing.drift import Drift

# So many are read at once that neither the connection nor the event loop is held for long.
_BATCH: Final = 100
# Over which part of the time between two rounds a round is spread.
_SPREAD: Final = 0.5


class Upkeep:
    """Reads truths beside the load.

    An oracle that is away stops nothing: what was read before stays, and what needs more is judged unknown.

    Args:
        oracle: Knows the truths.
        drift: Counts those that have changed.
        every: Seconds between two rounds of reading all again that do not depend on what is drawn; None: never.
        observer: Is told.
        clock: The run's clock.
    """

    def __init__(self, oracle: Oracle, drift: Drift, every: float | None, observer: Observer, clock: Clock) -> None:
        self._oracle = oracle
        self._drift = drift
        self._every = every
        self._observer = observer
        self._clock = clock
        self._away = False

    async def prepare(self, questions: Sequence[Question]) -> None:
        """Read the truths that are not known yet, if the database is there.

        Raises:
            UsageProblem: the scenario's SQL fails for an identity.
        """
        try:
            await self._oracle.prepare(questions)
        except EnvironmentProblem as problem:
            self._lost(problem.message)
        else:
            self._back()

    async def run(self) -> None:
        """Read again on schedule for as long as it runs."""
        while self._every is not None:
            await self._clock.sleep(self._every)
            before = self._drift.count
            await self._round(self._every)
            if changed := self._drift.count - before:
                answers = "1 expected answer" if changed == 1 else f"{changed:,} expected answers"
                self._observer.step(f"drift: {answers} changed since the last reading: data were written meanwhile")

    async def _round(self, every: float) -> None:
        total = sum(1 for _ in self._oracle.changeable())
        batches = max(-(-total // _BATCH), 1)
        questions = self._oracle.changeable()
        while batch := list(islice(questions, _BATCH)):
            if not await self._read(batch):
                return
            await self._clock.sleep(every * _SPREAD / batches)

    async def _read(self, batch: Sequence[Asked]) -> bool:
        try:
            await self._oracle.refresh(batch)
        except (LoadcheckError, asyncpg.PostgresError, *GONE) as problem:
            self._lost(problem.message if isinstance(problem, LoadcheckError) else type(problem).__name__)
            return False
        self._back()
        return True

    def _lost(self, why: str) -> None:
        if not self._away:
            self._observer.step(f"expected answers cannot be read, and what needs them is unknown: {why}")
        self._away = True

    def _back(self) -> None:
        if self._away:
            self._observer.step("expected answers can be read again")
        self._away = False
