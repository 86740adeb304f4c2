"""Asking again, quietly: single draws sent once more and judged by the truth as it is now."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.events import Draw, Exchange
from loadcheck.engine.transport import LostAnswer
from loadcheck.judge.findings import Finding
from loadcheck.judge.judge import Dispute, judge, unknown
from loadcheck.judge.stamp import in_context, stamp_of
from loadcheck.judge.verdict import OK, Ruling, Symptom, Verdict
from loadcheck.oracle.truth import Truth
from loadcheck.run.faults.powers import PastPooler
from loadcheck.run.inquiry.fresh import Fresh
from loadcheck.run.parts import Parts

_TRIES: Final = 10
_RETRY_S: Final = 0.1
_OPEN_LOOP: Final = 16  # callers, where a phase has none of its own
_WIDEST: Final = 64
_SAFE: Final = frozenset({"GET", "HEAD"})

_NOT_OF_ROWS: Final = frozenset({Symptom.WRONG_STATUS, Symptom.ACCEPTED_TOKEN, Symptom.REFUSED_TOKEN})


@dataclass(frozen=True, slots=True)
class Asking:
    """Sends draws again.

    Attributes:
        parts: What sends and what knows the right answers.
        clock: The run's clock.
        fresh: Gives fresh backends; None for a target, whose backends are not ours to end.
        past_pooler: Keeps the same servers but for the pooler; None where there is none, and for a target.
    """

    parts: Parts
    clock: Clock
    fresh: Fresh | None
    past_pooler: PastPooler | None = None

    @property
    def embedded(self) -> bool:
        """Whether it is the embedded stack that is asked."""
        return self.fresh is not None

    def at(self, url: str) -> "Asking":
        """Return the same, with everything sent to another place, whose backends are its own."""
        return replace(self, parts=self.parts.at(url), past_pooler=None)

    def may_send(self, draw: Draw) -> bool:
        """Whether a draw may be sent again: a target is not written to only to learn more."""
        return self.embedded or self.parts.prepared.scenario.requests[draw.request].method in _SAFE

    def may_judge(self, draw: Draw) -> bool:
        """Whether there is a right answer to hold another one against: rows that the run has written move on."""
        prepared = self.parts.prepared
        return prepared.expectations.of(draw.request, prepared.population[draw.identity].mix).written is None

    def callers(self, finding: Finding) -> int:
        """Return by how many clients at once a finding is asked about under concurrency: as many as in its phase."""
        phase = self.parts.prepared.scenario.load[finding.first.phase]
        return min(phase.concurrency or _OPEN_LOOP, _WIDEST)

    async def begin(self) -> None:
        """Give what comes next fresh backends, where that is possible."""
        if self.fresh is not None:
            await self.fresh.begin()

    async def again(self, draw: Draw) -> Verdict | Dispute:
        """Send a draw until it is judged, a few times: whoever held a backend that was ended needs a moment to notice.

        Returns:
            The last verdict, `unknown` where no answer told more; or a dispute, which is wrong and not told further.
        """
        verdict: Verdict | Dispute = unknown("not asked")
        for _ in range(_TRIES):
            verdict = await self._once(draw)
            if is_wrong(verdict) is not None:
                return verdict
            await self.clock.sleep(_RETRY_S)
        return verdict

    async def in_turn(self, draws: Sequence[Draw]) -> list[Verdict | Dispute]:
        """Send one after another."""
        return [await self.again(draw) for draw in draws]

    async def outcome(self, draws: Sequence[Draw]) -> Verdict | Dispute:
        """Send one after another, on fresh backends where that is possible; return what came of the last."""
        await self.begin()
        return (await self.in_turn(draws))[-1]

    async def in_a_crowd(self, draws: Sequence[Draw], concurrency: int) -> list[Verdict | Dispute]:
        """Send so many at once, each once; in the order of their ends."""
        await self.parts.prepared.oracle.prepare(draws)
        left, verdicts = iter(draws), list[Verdict | Dispute]()
        async with asyncio.TaskGroup() as clients:
            for _ in range(concurrency):
                clients.create_task(self._send_all(left, verdicts))
        return verdicts

    async def _send_all(self, draws: Iterator[Draw], verdicts: list[Verdict | Dispute]) -> None:
        for draw in draws:
            verdict = await self._send(draw, self.parts.prepared.oracle.truth(draw))
            verdicts.append(verdict)
            if is_wrong(verdict) is None:
                await self.clock.sleep(_RETRY_S)

    async def _once(self, draw: Draw) -> Verdict | Dispute:
        """Send once; wrong is what disagrees with the truth read before and with the truth read after."""
        verdict = await self._send(draw, await self._truth(draw))
        if isinstance(verdict, Dispute):
            after = await self._truth(draw)
            return OK if after is not None and verdict.agrees_with(after) else verdict
        return verdict

    async def _truth(self, draw: Draw) -> Truth | None:
        prepared = self.parts.prepared
        expectation = prepared.expectations.of(draw.request, prepared.population[draw.identity].mix)
        return (await prepared.oracle.read_again([draw]))[0].truth if expectation.needs_truth else None

    async def _send(self, draw: Draw, truth: Truth | None) -> Verdict | Dispute:
        try:
            answer = await self.parts.transport.send(self.parts.composer.compose(draw))
        except LostAnswer as lost:
            return unknown(str(lost))
        now = self.clock.now()
        prepared = self.parts.prepared
        identity = prepared.population[draw.identity]
        expectation = prepared.expectations.of(draw.request, identity.mix)
        exchange = Exchange(draw, 0, now, now, now, answer)
        verdict = judge(exchange, expectation, identity.token, truth, prepared.variables(draw))
        if isinstance(verdict, Dispute) or not self.parts.context.digests:
            return verdict
        return in_context(verdict, stamp_of(answer), self.parts.context.asked(draw))


def is_wrong(verdict: Verdict | Dispute) -> bool | None:
    """Whether an answer was wrong; None when there is no telling."""
    if isinstance(verdict, Dispute):
        return True
    return None if verdict.ruling is Ruling.UNKNOWN else verdict.ruling is Ruling.VIOLATION


def is_alike(verdict: Verdict | Dispute, finding: Finding) -> bool:
    """Whether an answer is wrong in the way of a finding."""
    if isinstance(verdict, Dispute):
        return finding.symptom not in _NOT_OF_ROWS
    return (verdict.symptom, verdict.code) == (finding.symptom, finding.verdict.code)


def is_the_very_answer(verdict: Verdict | Dispute, finding: Finding) -> bool:
    """Whether an answer is wrong by the same rows, headers or status as that of a finding."""
    if isinstance(verdict, Dispute):
        received, first = verdict.exchange.answer, finding.first.answer
        return received is not None and first is not None and received.digest == first.digest
    same = (verdict.reason, verdict.evidence) == (finding.verdict.reason, finding.verdict.evidence)
    return same and is_alike(verdict, finding)
