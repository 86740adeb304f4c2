"""The inquiry after a run: each finding is asked about again, quietly, until its cause can be named."""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.draws import Draws
from loadcheck.engine.events import Draw, Exchange
from loadcheck.engine.messages import Message
from loadcheck.engine.transport import LostAnswer, Transport
from loadcheck.errors import LoadcheckError
from loadcheck.judge.diagnosis import Observations, Trial, diagnose
from loadcheck.judge.findings import Finding
from loadcheck.judge.judge import Dispute, judge
from loadcheck.judge.verdict import Cause, Ruling, Symptom
from loadcheck.oracle.catalogue import holes, immutable_readers
from loadcheck.oracle.database import Database
from loadcheck.run.preparation import Prepared
from loadcheck.scenario.model import Scenario

Freshen = Callable[[], Awaitable[None]]
"""Ends every backend of the single role, so that the next request finds a new one."""

_FRESH_TIMES: Final = 3
_REPLAYED: Final = 300
_REPLAYED_UP_TO: Final = 500_000  # draws are made again from the first: beyond, it would take too long
_FINDINGS: Final = 8
_PATIENCE_S: Final = 30.0
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
        seed: The run's, from which its inputs are drawn again.
        compose: Makes the message of a draw.
        freshen: Gives fresh backends; None for a target, whose backends are not ours to end.
    """

    scenario: Scenario
    prepared: Prepared
    database: Database
    seed: int
    compose: Callable[[Draw], Message]
    transport: Transport
    clock: Clock
    freshen: Freshen | None

    async def explain(self, findings: Iterable[Finding]) -> None:
        """Give findings their cause and reasoning, as far as it can be found out in half a minute."""
        open_ones = [one for one in findings if one.cause is Cause.UNDETERMINED and one.symptom in _ASKED_AGAIN]
        try:
            async with asyncio.timeout(_PATIENCE_S):
                for finding in open_ones[:_FINDINGS]:
                    diagnosis = diagnose(await self._observe(finding), finding.verdict.code)
                    finding.cause, finding.reasoning = diagnosis.cause, diagnosis.reasoning
        except (LoadcheckError, TimeoutError):
            # What could not be asked stays undetermined: the findings themselves stand.
            return

    async def _observe(self, finding: Finding) -> Observations:
        if self.freshen is None:
            return Observations()
        request = self.scenario.requests[finding.request]
        names = re.findall(r"[A-Za-z_][A-Za-z0-9_]*", request.path)
        return Observations(
            fresh=await self._fresh(finding.first.draw, self.freshen),
            replayed=await self._replay(finding, self.freshen),
            immutable=await immutable_readers(self.database),
            holes=await holes(self.database, names, self.scenario.stack.role),
        )

    async def _fresh(self, draw: Draw, freshen: Freshen) -> Trial:
        verdicts = []
        for _ in range(_FRESH_TIMES):
            await freshen()
            verdicts.append(await self._is_wrong(draw))
        return _trial(verdicts)

    async def _replay(self, finding: Finding, freshen: Freshen) -> Trial:
        """Send what was sent up to the finding again, one after another, and count answers of its kind."""
        last = finding.first.draw.seq
        if last > _REPLAYED_UP_TO:
            return Trial()
        draws = Draws(self.scenario, self.prepared.population, self.seed)
        history = deque(islice(draws, last + 1), maxlen=_REPLAYED)
        await self.prepared.oracle.prepare(list(history))
        await freshen()
        verdicts = [await self._is_wrong(draw) for draw in history]
        return _trial([wrong for draw, wrong in zip(history, verdicts, strict=True) if draw.request == finding.request])

    async def _is_wrong(self, draw: Draw) -> bool | None:
        """Ask once; None when there is no telling."""
        try:
            answer = await self.transport.send(self.compose(draw))
        except LostAnswer:
            return None
        now = self.clock.now()
        exchange = Exchange(draw, 0, now, now, now, answer)
        identity = self.prepared.population[draw.identity]
        expectation = self.prepared.expectations.of(draw.request, identity.mix)
        (reading,) = await self.prepared.oracle.read_again([draw]) if expectation.needs_truth else (None,)
        truth = None if reading is None else reading.truth
        verdict = judge(exchange, expectation, identity.token, truth, self.prepared.variables(draw))
        if isinstance(verdict, Dispute):
            return True
        return None if verdict.ruling is Ruling.UNKNOWN else verdict.ruling is Ruling.VIOLATION


def _trial(verdicts: Sequence[bool | None]) -> Trial:
    told = [verdict for verdict in verdicts if verdict is not None]
    return Trial(wrong=sum(told), asked=len(told))
