"""The inquiry after a run: each finding is asked about again, quietly, until its cause can be named."""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import asyncpg

from loadcheck.clock import Clock
from loadcheck.engine.draws import Draws
from loadcheck.engine.events import Draw, Exchange
from loadcheck.engine.transport import LostAnswer
from loadcheck.errors import LoadcheckError
from loadcheck.judge.diagnosis import Observations, Trial, diagnose
from loadcheck.judge.errors import LOST_SETTINGS
from loadcheck.judge.findings import Finding
from loadcheck.judge.judge import Dispute, judge
from loadcheck.judge.verdict import Cause, Ruling, Symptom
from loadcheck.oracle.catalogue import holes, immutable_readers
from loadcheck.oracle.database import GONE
from loadcheck.run.parts import Parts

Freshen = Callable[[], Awaitable[None]]
"""Ends every backend of the single role, so that the next request finds a new one."""

_FRESH_TIMES: Final = 3
_REPLAYED: Final = 400
_REPLAYED_AFTER: Final = 100
_REPLAYED_UP_TO: Final = 500_000  # draws are made again from the first: beyond, it would take too long
_FINDINGS: Final = 8
_TRIES: Final = 10
_RETRY_S: Final = 0.1
_PATIENCE_S: Final = 15.0
_ASKED_AGAIN: Final = frozenset(
    {
        Symptom.SWAPPED,
        Symptom.FOREIGN_ROWS,
        Symptom.MISSING_ROWS,
        Symptom.ALTERED_ROWS,
        Symptom.WRONG_STATUS,
        Symptom.WRONG_HEADERS,
    }
)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Asks about findings whose cause their answers alone do not tell.

    Attributes:
        parts: What sends and what knows the right answers.
        seed: The run's, from which its inputs are drawn again.
        freshen: Gives fresh backends; None for a target, whose backends are not ours to end.
    """

    parts: Parts
    seed: int
    clock: Clock
    freshen: Freshen | None

    async def explain(self, findings: Iterable[Finding]) -> None:
        """Give findings their cause and reasoning, as far as it can be found out in a few seconds each."""
        open_ones = [one for one in findings if one.cause is Cause.UNDETERMINED and one.symptom in _ASKED_AGAIN]
        for finding in open_ones[:_FINDINGS]:
            diagnosis = diagnose(await self._observe(finding), finding.verdict.code)
            finding.cause, finding.reasoning = diagnosis.cause, diagnosis.reasoning

    async def _observe(self, finding: Finding) -> Observations:
        if self.freshen is None or finding.verdict.code in LOST_SETTINGS:
            return Observations()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._try(finding, self.freshen)
        except (LoadcheckError, asyncpg.PostgresError, *GONE):
            # What could not be asked stays undetermined: the finding itself stands.
            return Observations()

    async def _try(self, finding: Finding, freshen: Freshen) -> Observations:
        request = self.parts.prepared.scenario.requests[finding.request]
        names = re.findall(r"[A-Za-z_][A-Za-z0-9_]*", request.path)
        return Observations(
            fresh=await self._fresh(finding.first.draw, freshen),
            replayed=await self._replay(finding, freshen),
            immutable=await immutable_readers(self.parts.database),
            holes=await holes(self.parts.database, names, self.parts.prepared.scenario.stack.role),
        )

    async def _fresh(self, draw: Draw, freshen: Freshen) -> Trial:
        verdicts = []
        for _ in range(_FRESH_TIMES):
            await freshen()
            verdicts.append(await self._is_wrong_in_the_end(draw))
        return _trial(verdicts)

    async def _is_wrong_in_the_end(self, draw: Draw) -> bool | None:
        """Ask until there is an answer: whoever held a backend that was ended needs a moment to notice."""
        for _ in range(_TRIES):
            wrong = await self._is_wrong(draw)
            if wrong is not None:
                return wrong
            await self.clock.sleep(_RETRY_S)
        return None

    async def _replay(self, finding: Finding, freshen: Freshen) -> Trial:
        """Send what was sent around the finding again, one after another, and count answers of its kind.

        Some of what came after belongs to it: the first exchange of a run has nothing before it but the preflight.
        """
        last = finding.first.draw.seq
        if last > _REPLAYED_UP_TO:
            return Trial()
        draws = Draws(self.parts.prepared.scenario, self.parts.prepared.population, self.seed)
        history = deque(islice(draws, last + 1 + _REPLAYED_AFTER), maxlen=_REPLAYED)
        await self.parts.prepared.oracle.prepare(list(history))
        await freshen()
        verdicts = [await self._is_wrong_in_the_end(draw) for draw in history]
        return _trial([wrong for draw, wrong in zip(history, verdicts, strict=True) if draw.request == finding.request])

    async def _is_wrong(self, draw: Draw) -> bool | None:
        """Ask once; None when there is no telling."""
        try:
            answer = await self.parts.transport.send(self.parts.composer.compose(draw))
        except LostAnswer:
            return None
        now = self.clock.now()
        exchange = Exchange(draw, 0, now, now, now, answer)
        identity = self.parts.prepared.population[draw.identity]
        expectation = self.parts.prepared.expectations.of(draw.request, identity.mix)
        (reading,) = await self.parts.prepared.oracle.read_again([draw]) if expectation.needs_truth else (None,)
        truth = None if reading is None else reading.truth
        verdict = judge(exchange, expectation, identity.token, truth, self.parts.prepared.variables(draw))
        if isinstance(verdict, Dispute):
            return True
        return None if verdict.ruling is Ruling.UNKNOWN else verdict.ruling is Ruling.VIOLATION


def _trial(verdicts: Sequence[bool | None]) -> Trial:
    told = [verdict for verdict in verdicts if verdict is not None]
    return Trial(wrong=sum(told), asked=len(told))
