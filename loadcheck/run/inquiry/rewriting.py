"""Writing again: whether a table loses or moves what one caller writes, with nobody else about."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Final

from loadcheck.engine.events import Draw
from loadcheck.engine.transport import LostAnswer
from loadcheck.engine.values import draw_all, drawn_values
from loadcheck.judge.diagnosis import Trial
from loadcheck.judge.findings import Finding
from loadcheck.judge.writes import Ended, ended
from loadcheck.oracle.marks import Mark
from loadcheck.oracle.written import WrittenTable
from loadcheck.run.inquiry.asking import Asking
from loadcheck.scenario.writes import Does

# What happens once in 1,000 times shows in so many with 95 % probability.
_MOST: Final = 3_000
_LASTS_S: Final = 20.0  # for all findings together
_BEYOND_THE_RUN: Final = 10**12  # no run sends so many: each mark is still one write's
_LEAVING_A_ROW: Final = frozenset({Does.INSERT, Does.UPSERT})


@dataclass(slots=True)
class Rewriting:
    """Sends the write that a finding is about again and again, alone, and looks at its row each time.

    Attributes:
        asking: Sends draws again; nothing is tried on a target, which is not written to only to learn more.
    """

    asking: Asking
    _trials: dict[tuple[int, int], Trial] = field(default_factory=dict)
    _ends: float | None = field(default=None, init=False)

    async def alone(self, finding: Finding, table: str) -> Trial:
        """Write until a row is lost or another's, and return that one of how many it was. What was tried is kept.

        Args:
            finding: About rows of the table, with a mark in its evidence.
            table: Its name.

        Raises:
            LoadcheckError, asyncpg.PostgresError, OSError: the table cannot be read just now.
        """
        mark = self._mark(finding, table)
        if mark is None or not self.asking.embedded or not self._leaves_a_row(mark):
            return Trial()
        key = mark.request, mark.identity
        if key not in self._trials:
            await self.asking.begin()
            self._trials[key] = await self._first_wrong(mark, table)
        return self._trials[key]

    def _mark(self, finding: Finding, table: str) -> Mark | None:
        """Return the mark of the first row that the evidence shows: of one that is missing, or of one too many."""
        prepared, evidence = self.asking.parts.prepared, finding.verdict.evidence
        column = prepared.scenario.tables[table].mark
        shown: Iterator[Mapping[str, object]] = map(json.loads, (*evidence.missing, *evidence.wrong))
        return next(filter(None, (prepared.marks.read(row.get(column)) for row in shown)), None)

    def _leaves_a_row(self, mark: Mark) -> bool:
        return self.asking.parts.prepared.scenario.requests[mark.request].does in _LEAVING_A_ROW

    async def _first_wrong(self, mark: Mark, table: str) -> Trial:
        asked = 0
        async for right in self._written(mark, table):
            asked += 1
            if not right:
                return Trial(1, asked)
        return Trial(0, asked)

    async def _written(self, mark: Mark, table: str) -> AsyncIterator[bool]:
        """Yield of each write that was acknowledged whether its row is there, once and under its own owner."""
        parts, clock = self.asking.parts, self.asking.clock
        prepared = parts.prepared
        owner = prepared.naming.owner_of(table, mark.identity)
        rows = WrittenTable(table, prepared.scenario.tables[table], prepared.marks)
        if self._ends is None:
            self._ends = clock.now() + _LASTS_S
        for draw in islice(self._draws(mark), _MOST):
            if clock.now() > self._ends:
                return
            if await self._acknowledged(draw):
                found = await rows.marked(parts.database, prepared.mark(draw))
                yield [row.owner for row in found] == [owner]

    def _draws(self, mark: Mark) -> Iterator[Draw]:
        values = drawn_values(self.asking.parts.prepared.scenario.requests[mark.request], 0, "rewriting")
        return (Draw(seq, mark.request, mark.identity, draw_all(values)) for seq in count(_BEYOND_THE_RUN))

    async def _acknowledged(self, draw: Draw) -> bool:
        parts = self.asking.parts
        try:
            return ended(await parts.transport.send(parts.composer.compose(draw))) is Ended.ACKNOWLEDGED
        except LostAnswer:
            return False
