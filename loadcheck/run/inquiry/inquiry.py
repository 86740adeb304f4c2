"""The inquiry after a run: each finding is asked about again, quietly, until its cause can be named."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import asyncpg

from loadcheck.engine.events import Draw
from loadcheck.errors import EnvironmentProblem, LoadcheckError
from loadcheck.judge.diagnosis import Comparison, Diagnosis, Observations, Trial, diagnose, diagnose_write
from loadcheck.judge.errors import LOST_SETTINGS
from loadcheck.judge.findings import Finding, Findings
from loadcheck.judge.judge import Dispute
from loadcheck.judge.stamp import stamp_of
from loadcheck.judge.verdict import Cause, Symptom, Verdict
from loadcheck.oracle.catalogue import meddlers, write_holes
from loadcheck.oracle.database import GONE
from loadcheck.oracle.directly import seen_directly
from loadcheck.oracle.written import quoted
from loadcheck.run.inquiry.asking import Asking, is_wrong
from loadcheck.run.inquiry.rewriting import Rewriting
from loadcheck.run.inquiry.suspects import suspects

_ALONE_TIMES: Final = 3
_REPLAYED_ON_A_TARGET: Final = 60
_FINDINGS: Final = 8
_FIRST: Final = 100
_ENOUGH: Final = 3
_OF_WRITES: Final = frozenset({Symptom.CROSS_WRITE, Symptom.LOST_WRITE})
_OF_ROWS: Final = frozenset({Symptom.SWAPPED, Symptom.FOREIGN_ROWS, Symptom.MISSING_ROWS, Symptom.ALTERED_ROWS})
_OF_CONCURRENCY: Final = frozenset({Cause.TRANSACTION_FRAMING, Cause.GATEWAY})
_NO_ANSWER: Final = (LoadcheckError, asyncpg.PostgresError, *GONE)
_PATIENCE_S: Final = 30.0
_ASKED_AGAIN: Final = frozenset(
    {
        Symptom.SWAPPED,
        Symptom.FOREIGN_ROWS,
        Symptom.MISSING_ROWS,
        Symptom.ALTERED_ROWS,
        Symptom.WRONG_STATUS,
        Symptom.WRONG_HEADERS,
        Symptom.WRONG_EXCHANGE,
    }
)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Asks about findings whose cause their answers alone do not tell.

    Attributes:
        asking: Sends draws again.
        beginning: The first exchanges of the run.
        stamped: Whether answers to a request, by its index, had stamps.
    """

    asking: Asking
    beginning: Sequence[Draw]
    stamped: Callable[[int], bool]

    async def explain(self, findings: Findings) -> None:
        """Give findings their cause and reasoning, as far as it can be found out in a few seconds each."""
        asked, compared, mixed, rewriting = 0, None, _mixed(findings), Rewriting(self.asking)
        for finding in findings:
            seen = replace(self._at_sight(finding), mixed=mixed)
            if _worth_asking(finding) and self._may_ask(finding) and not seen.outside and asked < _FINDINGS:
                asked += 1
                # What could not be asked stays undetermined: the finding itself stands.
                with suppress(*_NO_ANSWER):
                    async with asyncio.timeout(_PATIENCE_S):
                        seen = await self._observe(finding, seen)
            if diagnose(seen, finding.verdict).cause in _OF_CONCURRENCY and self._may_ask(finding):
                compared = compared or await self._compare(finding)
                seen = replace(seen, compared=compared)
            diagnosis = diagnose(seen, finding.verdict)
            if finding.symptom in _OF_WRITES:
                diagnosis = await self._written(finding, rewriting)
            finding.cause, finding.reasoning = diagnosis.cause, diagnosis.reasoning

    def _may_ask(self, finding: Finding) -> bool:
        return self.asking.may_judge(finding.first.draw)

    def _at_sight(self, finding: Finding) -> Observations:
        """Return what the wrong answer itself shows."""
        answer, straight = finding.first.answer, self.asking.parts.context.straight
        stamp = None if answer is None else stamp_of(answer)
        mine = stamp is not None and stamp.nonce == self.asking.parts.context.nonce(finding.first.draw)
        outside = straight and finding.symptom in _OF_ROWS and stamp is None and self.stamped(finding.request)
        return Observations(stamped=stamp is not None, mine=mine, straight=straight, outside=outside)

    async def _compare(self, finding: Finding) -> Comparison:
        """Send what led to a finding under the same concurrency again, with the pooler and past it."""
        asking, draws, callers = self.asking, self._led_to(finding), self.asking.callers(finding)
        if asking.past_pooler is None or not draws:
            return Comparison()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await asking.begin()
                pooled = _trial(await asking.in_a_crowd(draws, callers))
                async with asking.past_pooler() as url:
                    return Comparison(pooled, _trial(await asking.at(url).in_a_crowd(draws, callers)))
        except _NO_ANSWER:
            return Comparison()

    def _led_to(self, finding: Finding) -> list[Draw]:
        """Return what led to a finding, as far as it may be sent again.

        The first answers of a run have nothing before them but the preflight: what came next belongs to them, too.
        """
        history = finding.led.anywhere if finding.first.draw.seq >= _FIRST else self.beginning
        return [draw for draw in history if self.asking.may_send(draw)]

    async def _written(self, finding: Finding, rewriting: Rewriting) -> Diagnosis:
        """Look in the catalogue for what may be at fault with a table that the run writes to, and try that out."""
        scenario, database = self.asking.parts.prepared.scenario, self.asking.parts.database
        request = scenario.requests[finding.request]
        written = request.writes or request.expect.written
        if written is None:
            return Diagnosis(Cause.UNDETERMINED, ())
        try:
            relation = quoted(written.table)
            through, meddling = await write_holes(database, relation), await meddlers(database, relation)
            alone = await rewriting.alone(finding, written.table) if meddling else Trial()
        except _NO_ANSWER:
            return Diagnosis(Cause.UNDETERMINED, ())
        return diagnose_write(finding.verdict, through, meddling, alone)

    async def _observe(self, finding: Finding, seen: Observations) -> Observations:
        parts = self.asking.parts
        request = parts.prepared.scenario.requests[finding.request]
        suspected = await suspects(self.asking, finding, request)
        alone, directly = await self._alone(finding.first.draw), await self._directly(finding, request.path)
        return replace(
            seen,
            alone=alone,
            fresh=self.asking.embedded,
            over=Trial() if directly.always or not alone.wrong else await self._started_over(finding.first.draw),
            directly=directly,
            replayed=await self._replay(finding),
            immutable=suspected.immutable,
            holes=suspected.holes,
        )

    async def _alone(self, draw: Draw) -> Trial:
        if not self.asking.may_send(draw):
            return Trial()
        verdicts = []
        for _ in range(_ALONE_TIMES):
            await self.asking.begin()
            verdicts.append(await self.asking.again(draw))
        return _trial(verdicts)

    async def _started_over(self, draw: Draw) -> Trial:
        """Ask alone once PostgREST was started over; where that helps, it is done each time from then on."""
        fresh = self.asking.fresh
        if fresh is None or fresh.start_over is None:
            return Trial()
        trial, fresh.thorough = Trial(), True
        try:
            with suppress(EnvironmentProblem):  # PostgREST may not come up: then this could not be tried
                trial = await self._alone(draw)
        finally:
            fresh.thorough = trial.never
        return trial

    async def _directly(self, finding: Finding, path: str) -> Trial:
        if finding.symptom is Symptom.WRONG_EXCHANGE:
            return Trial()  # its rows have other columns
        prepared, evidence = self.asking.parts.prepared, finding.verdict.evidence
        try:
            seen = await seen_directly(
                prepared.oracle, self.asking.parts.database, finding.victim, path, evidence.wrong, evidence.missing
            )
        except (LoadcheckError, asyncpg.PostgresError):
            return Trial()  # what the path names cannot be read like that, or not as the identity
        return Trial(seen.wrong, seen.asked)

    async def _replay(self, finding: Finding) -> Trial:
        """Send what led to the finding again, one after another, until enough answers to its request were wrong."""
        draws = self._led_to(finding)
        if not self.asking.embedded:
            draws = draws[-_REPLAYED_ON_A_TARGET:]
        await self.asking.begin()
        verdicts: list[Verdict | Dispute] = []
        for draw in draws:
            verdict = await self.asking.again(draw)
            if draw.request == finding.request:
                verdicts.append(verdict)
            if sum(is_wrong(one) or False for one in verdicts) == _ENOUGH:
                break
        return _trial(verdicts)


def _mixed(findings: Findings) -> bool:
    """Whether more answers were made without their own settings than for another exchange."""
    counts = Counter[Cause]()
    for finding in findings:
        lost = finding.verdict.code in LOST_SETTINGS
        counts[Cause.TRANSACTION_FRAMING if lost else finding.verdict.cause] += finding.count
    return counts[Cause.TRANSACTION_FRAMING] > counts[Cause.GATEWAY]


def _worth_asking(finding: Finding) -> bool:
    undetermined = finding.cause is Cause.UNDETERMINED and finding.verdict.code not in LOST_SETTINGS
    return undetermined and finding.symptom in _ASKED_AGAIN


def _trial(verdicts: Sequence[Verdict | Dispute]) -> Trial:
    told = [wrong for verdict in verdicts if (wrong := is_wrong(verdict)) is not None]
    lost = sum(isinstance(verdict, Verdict) and verdict.code in LOST_SETTINGS for verdict in verdicts)
    return Trial(sum(told), len(told), lost)
