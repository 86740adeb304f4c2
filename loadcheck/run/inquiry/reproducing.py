"""The fewest exchanges that show a finding again, found by replaying what led to it."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import asyncpg

from loadcheck.engine.events import Draw
from loadcheck.errors import LoadcheckError
from loadcheck.judge.findings import Finding, Reproduction
from loadcheck.judge.verdict import Cause, Symptom
from loadcheck.oracle.database import GONE
from loadcheck.run.inquiry.asking import Asking, is_alike, is_wrong
from loadcheck.run.inquiry.shrinking import shrink

_FINDINGS: Final = 8
_ALL_S: Final = 20.0
_SHRINKING_S: Final = 8.0
# Replays that must all show it, for one that shows it now and then is no reproduction: fewer where one cannot be luck.
_HOLDS: Final = 6
_HOLDS_IF_SURE: Final = 2
_SURE_CAUSES: Final = frozenset({Cause.POLICY, Cause.PLAN_CACHE, Cause.SESSION_STATE, Cause.TOKEN})
_CROWD: Final = 200  # exchanges of a crowd that is tried
_REPLAYED: Final = 1_000  # of one that shows it again: on a new stack, the first hundreds may not yet meet
_SEEN: Final = 3  # of them must be wrong
_SURE: Final = 10.0  # wrong answers to be expected of a replayed crowd: e^-10 is the chance that there is none
_BEGINNING: Final = 100
_REPEATS: Final = 8  # a cached plan is made by the sixth run of a statement
_WINDOW: Final = 16
_OF_WRITES: Final = frozenset({Symptom.CROSS_WRITE, Symptom.LOST_WRITE})

_NO_TIME: Final = "there was no time left to look for the fewest exchanges"
_NOT_AGAIN: Final = "replaying what led to it did not show it again"
_WRITTEN: Final = "the rows it is about were written to during the run, so a replay begins with other rows"
_WRITES: Final = "it writes, and a target is not written to for this"


@dataclass(frozen=True, slots=True)
class Reproducer:
    """Looks for reproductions.

    Attributes:
        asking: Sends draws again.
        beginning: The first exchanges of the run.
    """

    asking: Asking
    beginning: Sequence[Draw]

    async def reproduce(self, findings: Iterable[Finding]) -> None:
        """Give findings their reproduction, or the reason why there is none, within some 20 seconds for all."""
        until = self.asking.clock.now() + _ALL_S
        for number, finding in enumerate(findings):
            left = until - self.asking.clock.now()
            if number < _FINDINGS and left > 0:
                with suppress(LoadcheckError, asyncpg.PostgresError, *GONE):
                    async with asyncio.timeout(left):
                        await self._reproduce(finding)
            if finding.reproduction is None:
                finding.unreproduced = finding.unreproduced or _NO_TIME

    async def _reproduce(self, finding: Finding) -> None:
        """Give a finding its reproduction, or the reason; what is cut off by the time leaves the shortest so far."""
        impossible = await self._impossible(finding)
        if not impossible:
            finding.reproduction = await self._in_turn(finding) or await self._in_a_crowd(finding)
        finding.unreproduced = impossible or ("" if finding.reproduction is not None else _NOT_AGAIN)

    async def _impossible(self, finding: Finding) -> str:
        if not self.asking.may_send(finding.first.draw):
            return _WRITES
        if finding.symptom in _OF_WRITES or not self.asking.may_judge(finding.first.draw):
            return _WRITTEN
        return _WRITTEN if await self.asking.parts.prepared.writes.moving(finding.request) else ""

    async def _in_turn(self, finding: Finding) -> Reproduction | None:
        """Look for exchanges that show it one after another."""
        async for history in self._histories(finding):
            fewest = await self._fewest(history, finding)
            if fewest and await self._holds(fewest, finding):
                return Reproduction(tuple(fewest), fresh=self.asking.embedded)
        return None

    async def _histories(self, finding: Finding) -> AsyncIterator[Sequence[Draw]]:
        """Yield what may show it: source and victim, what the backend was used for, what anybody sent."""
        victim = finding.first.draw
        if finding.cause is Cause.TRANSACTION_FRAMING:
            yield (victim,)  # others matter only while they are under way
            return
        if finding.source is not None and (neighbour := self._neighbour(finding)) is not None:
            yield (*[neighbour] * _REPEATS, victim)
        if finding.cause is Cause.GATEWAY:
            return
        for history in (finding.led.backend, finding.led.anywhere):
            yield [draw for draw in history if self.asking.may_send(draw)]
        if victim.seq < _BEGINNING:
            yield await self._beginning_with_another(finding)

    async def _beginning_with_another(self, finding: Finding) -> Sequence[Draw]:
        """Return the run's beginning up to an answer like the finding's, whose own may come from what preceded it."""
        draws = [draw for draw in self.beginning[:_BEGINNING] if self.asking.may_send(draw)]
        await self.asking.begin()
        verdicts = await self.asking.in_turn(draws)
        alike = [
            at
            for at, (draw, verdict) in enumerate(zip(draws, verdicts, strict=True))
            if draw.request == finding.request and is_alike(verdict, finding)
        ]
        return draws[: alike[0] + 1] if alike else ()

    async def _fewest(self, history: Sequence[Draw], finding: Finding) -> Sequence[Draw]:
        async def shows(draws: Sequence[Draw]) -> bool:
            return await self._shows(draws, finding)

        fewest: Sequence[Draw] = ()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SHRINKING_S):
                async for fewer in shrink(history, shows, self._least(finding)):
                    fewest = fewer
                    if finding.cause in _SURE_CAUSES:
                        finding.reproduction = Reproduction(tuple(fewer), fresh=self.asking.embedded)
        return fewest

    def _least(self, finding: Finding) -> int:
        """Return how many exchanges it takes at least: one alone shows nothing where others left something behind."""
        left_behind = finding.cause is Cause.GATEWAY or (not self.asking.embedded and finding.cause is not Cause.POLICY)
        return 2 if left_behind else 1

    async def _holds(self, draws: Sequence[Draw], finding: Finding) -> bool:
        for _ in range(_HOLDS_IF_SURE if finding.cause in _SURE_CAUSES else _HOLDS):
            if not await self._shows(draws, finding):
                return False
        return True

    async def _shows(self, draws: Sequence[Draw], finding: Finding) -> bool:
        return is_alike(await self.asking.outcome(draws), finding)

    async def _in_a_crowd(self, finding: Finding) -> Reproduction | None:
        """Look for exchanges that show it now and then, most often only where several are under way at once."""
        for draws, concurrency in self._crowds(finding):
            rate = min([await self._rate(draws, concurrency), await self._rate(draws, concurrency)])
            if rate:
                repeat = math.ceil(max(_SURE / rate, _REPLAYED) / len(draws))
                return Reproduction(tuple(draws), concurrency, repeat, fresh=self.asking.embedded)
        return None

    async def _rate(self, draws: Sequence[Draw], concurrency: int) -> float:
        """Return which share of a crowd's answers is wrong; 0 where too few are to build on."""
        await self.asking.begin()
        verdicts = await self.asking.in_a_crowd([*draws] * math.ceil(_CROWD / len(draws)), concurrency)
        wrong = sum(is_wrong(verdict) or False for verdict in verdicts)
        return wrong / len(verdicts) if wrong >= _SEEN else 0.0

    def _crowds(self, finding: Finding) -> Iterator[tuple[list[Draw], int]]:
        """Yield exchanges, each with by how many clients at once they are sent."""
        victim, neighbour = finding.first.draw, self._neighbour(finding)
        crowd = self.asking.callers(finding)
        yield [victim], 1
        if neighbour is not None:
            yield [neighbour, victim], crowd
        yield [draw for draw in finding.led.anywhere[-_WINDOW:] if self.asking.may_send(draw)], crowd

    def _neighbour(self, finding: Finding) -> Draw | None:
        """Return what the source may have asked: the same; or what somebody else asked last, where it is not known."""
        victim, prepared = finding.first.draw, self.asking.parts.prepared
        source = finding.source
        if source is not None and prepared.expectations.get(victim.request, prepared.population[source].mix):
            return replace(victim, identity=source)
        others = (draw for draw in reversed(finding.led.anywhere) if draw.identity != victim.identity)
        return next(filter(self.asking.may_send, others), None)
