"""Judging while the run goes on: every exchange gets its verdict, disputed ones after a second reading."""

import asyncio
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from loadcheck.clock import Clock
from loadcheck.engine.events import Draw, Exchange
from loadcheck.errors import LoadcheckError
from loadcheck.judge.grounds import NO_GROUNDS, Grounds, Judged
from loadcheck.judge.judge import Dispute, judge, unsettled
from loadcheck.judge.owners import NOBODY, Owners
from loadcheck.judge.settle import settle
from loadcheck.judge.stamp import in_context, stamp_as_asked, stamp_of
from loadcheck.judge.transactions import Transactions
from loadcheck.judge.verdict import OK, Ruling, Verdict
from loadcheck.oracle.database import GONE
from loadcheck.oracle.expectation import REFUSAL, Expectation
from loadcheck.oracle.stamp import HEADER
from loadcheck.oracle.truth import Reading, Truth
from loadcheck.record.coverage import Coverage, Use
from loadcheck.run.judging.canaries import Canaries, comparable
from loadcheck.run.judging.context import Context
from loadcheck.run.judging.exposure import Exposure
from loadcheck.run.judging.following import Following
from loadcheck.run.judging.recognition import Recognition
from loadcheck.run.preparing.preparation import Prepared
from loadcheck.scenario.claim_mix import TokenKind

_SETTLED_AT_ONCE: Final = 256
_DISPUTES_WAITING: Final = 5_000
_OWNERS_KEPT: Final = 64
_OWNERS_FRESH_S: Final = 5.0
_LOOKS: Final = 12
_LOOK_S: Final = 0.05
_GOLDEN: Final = 0.618033988749895
# For how many sets of drawn values of one request everybody's truth is read, to name the source; then no more.
_NEIGHBOURHOODS: Final = 300

_NOTHING: Final[Mapping[str, Any]] = {}


class Judging:
    """Takes exchanges and delivers each with its verdict, exactly once.

    Args:
        prepared: Its identities, what it expects of them, and the truths.
        context: What the stamp of each exchange must show.
        clock: The run's clock.
        deliver: Called with all exchanges, their verdicts and what these rest on, as they come.

    Attributes:
        coverage: What the stamps show of backends and handoffs.
        canaries: Answers judged wrongly on purpose.
        telling: For each request, whether its answers tell whose they are.
        following: What the run writes, and what reads it.
    """

    def __init__(
        self,
        prepared: Prepared,
        context: Context,
        clock: Clock,
        deliver: Callable[[Sequence[Judged]], None],
    ) -> None:
        self._prepared = prepared
        self._population = list(prepared.population)
        self._mixes = [identity.mix for identity in self._population]
        self._expected = {(request, mix): expectation for request, mix, expectation in prepared.expectations}
        self._comparable = frozenset(kind for kind, expectation in self._expected.items() if comparable(expectation))
        self._oracle = prepared.oracle
        self._context = context
        self._clock = clock
        scenario = prepared.scenario
        exposure = Exposure(scenario, prepared.population, prepared.expectations, prepared.oracle)
        self.telling = exposure.telling
        self.coverage = Coverage(exposure.telling, len(scenario.load), exposure.exposes)
        self.canaries = Canaries(len(scenario.requests), len(scenario.identities))
        self.following = Following(prepared, clock, self.canaries, self._give_followed)
        self._followed = self.following.concerns
        self._recognition = Recognition(len(scenario.requests))
        self._transactions = Transactions()
        self._deliver = deliver
        self._before: dict[int, Truth | None] = {}
        self._refused: dict[int, str] = {}
        self._disputes: asyncio.Queue[Dispute] = asyncio.Queue()
        self._owners: OrderedDict[tuple[object, ...], _Known] = OrderedDict()
        self._neighbourhoods: Counter[int] = Counter()

    def sending(self, draw: Draw, refused: str = "") -> None:
        """Keep the truth as it is before a draw is sent: while it is under way, it may be read anew for another.

        Args:
            draw: What is sent.
            refused: The fault that has it sent with a token that must be refused; empty: the token is its own.
        """
        if refused:
            self._refused[draw.seq] = refused
        else:
            self._before[draw.seq] = self._oracle.truth(draw)
        if self._followed[draw.request]:
            self.following.sending(draw)

    def take(self, exchanges: Sequence[Exchange]) -> None:
        """Judge exchanges: deliver each now, or put it aside until its truth has been read again."""
        judged = [one for exchange in exchanges if (one := self._judged(exchange)) is not None]
        if judged:
            self._give(*judged)

    def _judged(self, exchange: Exchange) -> Judged | None:
        """Judge an exchange; return None where it is put aside."""
        draw = exchange.draw
        if self._refused and (fault := self._refused.pop(draw.seq, "")):
            return self._judged_refused(exchange, fault)
        before, verdict = self._before.pop(draw.seq), OK
        grounds = self._recognition.knows(exchange, before)
        if grounds is None:
            told, grounds = self._judged_anew(exchange, before)
            if isinstance(told, Dispute):
                self._dispute(told)
                return None
            verdict = told
        kind = draw.request, self._mixes[draw.identity]
        if verdict.ruling is Ruling.OK and kind in self._comparable and self.canaries.wants(kind):
            self._offer(exchange, before)
        followed = self.following.judged(exchange, verdict) if self._followed[draw.request] else verdict
        return None if followed is None else (exchange, followed, grounds)

    def _judged_anew(self, exchange: Exchange, before: Truth | None) -> tuple[Verdict | Dispute, Grounds]:
        """Return what the judge says of an answer that is not recognised; it will be, if it is right."""
        expectation, variables = self._expects(exchange.draw)
        token = self._population[exchange.draw.identity].token
        verdict = judge(exchange, expectation, token, before, variables)
        if isinstance(verdict, Dispute) or verdict.ruling is not Ruling.OK:
            return verdict, Grounds(before)
        return verdict, self._recognition.remember(exchange, expectation, before)

    def _offer(self, exchange: Exchange, before: Truth | None) -> None:
        """Have a right answer judged wrongly on purpose."""
        expectation, variables = self._expects(exchange.draw)
        self.canaries.offer(exchange, self._mixes[exchange.draw.identity], expectation, before, variables)

    def _expects(self, draw: Draw) -> tuple[Expectation, Mapping[str, Any]]:
        """Return what is expected of a draw's answer, and what placeholders in that stand for."""
        expectation = self._expected[draw.request, self._mixes[draw.identity]]
        filled = expectation.headers or expectation.json
        return expectation, self._prepared.variables(draw) if filled else _NOTHING

    def _judged_refused(self, exchange: Exchange, fault: str) -> Judged | None:
        verdict = judge(exchange, REFUSAL, TokenKind.EXPIRED, None, _NOTHING)
        if isinstance(verdict, Dispute):  # a refusal has no rows to dispute
            return None
        followed = self.following.judged(exchange, verdict) or verdict
        return exchange, replace(followed, fault=fault), NO_GROUNDS

    def _give_followed(self, exchange: Exchange, verdict: Verdict) -> None:
        self._give((exchange, verdict, NO_GROUNDS))

    def _dispute(self, dispute: Dispute) -> None:
        if self._disputes.qsize() < _DISPUTES_WAITING:
            self._disputes.put_nowait(dispute)
        else:
            verdict = unsettled("there were more wrong answers than could be looked at again")
            self._give((dispute.exchange, verdict, Grounds(dispute.before)))

    def abandon(self) -> None:
        """Deliver what is still disputed as unknown: there is no more time to look at it again."""
        while not self._disputes.empty():
            self._leave([self._disputes.get_nowait()])
            self._disputes.task_done()
        self.following.abandon()

    def _leave(self, batch: Sequence[Dispute]) -> None:
        verdict = unsettled("the run ended before the answer could be looked at again")
        self._give(*[(dispute.exchange, verdict, Grounds(dispute.before)) for dispute in batch])

    async def settle(self) -> None:
        """Settle disputes for as long as it runs."""
        while True:
            batch = [await self._disputes.get()]
            while len(batch) < _SETTLED_AT_ONCE and not self._disputes.empty():
                batch.append(self._disputes.get_nowait())
            try:
                await self._settle_batch(batch)
            except asyncio.CancelledError:
                self._leave(batch)
                raise
            for _ in batch:
                self._disputes.task_done()

    async def settled(self) -> None:
        """Wait until no dispute is left."""
        await self._disputes.join()
        await self.following.settled()

    async def _settle_batch(self, batch: Sequence[Dispute]) -> None:
        try:
            await self._remember_owners(batch)
            readings = await self._oracle.read_again([dispute.exchange.draw for dispute in batch])
            grounds = [
                Grounds(dispute.before, reading, await self._whose(dispute, reading), dispute.digests)
                for dispute, reading in zip(batch, readings, strict=True)
            ]
        except LoadcheckError as problem:
            self._give_up(batch, problem.message)
        except GONE:
            self._give_up(batch, "the oracle lost its connection")
        else:
            for dispute, reading, ground in zip(batch, readings, grounds, strict=True):
                self._give((dispute.exchange, settle(dispute, reading, ground.owners), ground))

    def _give_up(self, batch: Sequence[Dispute], reason: str) -> None:
        verdict = unsettled(f"the truth could not be read again: {reason}")
        self._give(*[(dispute.exchange, verdict, Grounds(dispute.before)) for dispute in batch])

    def _give(self, *judged: Judged) -> None:
        """Deliver verdicts as they are with the stamps on the answers."""
        self._deliver([self._in_context(*one) if _is_stamped(one) else one for one in judged])

    def _in_context(self, exchange: Exchange, verdict: Verdict, grounds: Grounds) -> Judged:
        """Return the verdict as it is with the answer's stamp, and count what the stamp covers."""
        answer, draw = exchange.answer, exchange.draw
        if answer is None:
            return exchange, verdict, grounds
        asked = self._context.asked(draw) if self._context.digests else None
        as_asked = None if asked is None else stamp_as_asked(answer.headers[HEADER], asked)
        stamp = as_asked or stamp_of(answer)
        if stamp is not None:
            earlier = self._transactions.earlier(stamp, draw)
            if asked is not None and (as_asked is None or earlier is not None):
                verdict = in_context(verdict, stamp, asked, earlier)
            mix, ok = self._mixes[draw.identity], verdict.ruling is Ruling.OK
            self.coverage.add(stamp.pid, Use(stamp.at, draw, mix, exchange.phase, ok))
        return exchange, verdict, grounds

    async def _remember_owners(self, batch: Sequence[Dispute]) -> None:
        """Keep who owned what by the truths that disputes are about, before those are read again."""
        for dispute in batch:
            key = _key(dispute)
            if dispute.expectation.expects_rows and key not in self._owners and self._worth_reading(dispute):
                owners = Owners(await self._oracle.neighbours(dispute.exchange.draw))
                self._owners[key] = _Known(owners, stale_at=-math.inf)
                if len(self._owners) > _OWNERS_KEPT:
                    self._owners.popitem(last=False)

    async def _whose(self, dispute: Dispute, reading: Reading) -> Owners:
        """Return whose rows are whose by now; read again every few seconds, for as long as there are disputes."""
        key = _key(dispute)
        known = self._owners.get(key)
        if known is None or dispute.agrees_with(reading.truth):
            return NOBODY
        if self._clock.now() >= known.stale_at:
            owners = await self._look_again(dispute.exchange.draw, known.owners)
            known = self._owners[key] = _Known(owners, self._clock.now() + _OWNERS_FRESH_S)
        return known.owners

    async def _look_again(self, draw: Draw, owners: Owners) -> Owners:
        """Read everybody's truth again; several times where rows are being written, to see whether any change hands."""
        moving = await self._prepared.writes.moving(draw.request)
        for look in range(_LOOKS if moving else 1):
            # Uneven gaps: what changes to and fro at an even pace must not look the same each time.
            await self._clock.sleep(0 if look == 0 else _LOOK_S * (0.5 + look * _GOLDEN % 1))
            owners = owners.later(await self._oracle.neighbours_again(draw))
        owners.moving = owners.moving or moving
        return owners

    def _worth_reading(self, dispute: Dispute) -> bool:
        """Whether to read everybody's truth for a set of drawn values, which is done for so many sets only."""
        if not dispute.expectation.drawn:
            return True
        request = dispute.exchange.draw.request
        self._neighbourhoods[request] += 1
        return self._neighbourhoods[request] <= _NEIGHBOURHOODS


def _is_stamped(judged: Judged) -> bool:
    exchange, _, _ = judged
    return exchange.answer is not None and HEADER in exchange.answer.headers


def _key(dispute: Dispute) -> tuple[object, ...]:
    """Tell apart what whole sets of truths, one for each identity, are about."""
    draw = dispute.exchange.draw
    return (draw.request, *(draw.values if dispute.expectation.drawn else ()))


@dataclass(frozen=True, slots=True)
class _Known:
    """Owners, and until when they are taken as fresh."""

    owners: Owners
    stale_at: float
