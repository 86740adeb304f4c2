"""Judging while the run goes on: every exchange gets its verdict, disputed ones after a second reading."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from loadcheck.engine.events import Exchange
from loadcheck.errors import LoadcheckError
from loadcheck.identity.population import Population, variables
from loadcheck.judge.judge import Dispute, judge, unknown
from loadcheck.judge.owners import NOBODY, Owners
from loadcheck.judge.settle import changed, settle
from loadcheck.judge.verdict import Verdict
from loadcheck.oracle.expectation import Expectations
from loadcheck.oracle.oracle import Oracle
from loadcheck.oracle.truth import Reading
from loadcheck.scenario.model import Scenario

_SETTLED_AT_ONCE: Final = 256
_OWNERS_KEPT: Final = 64
# Reading everybody's truth again for one changed one is worth it up to here; beyond, the verdict is `unknown`.
_REREAD_IDENTITIES: Final = 5_000

_NOTHING: Final[Mapping[str, Any]] = {}


class Judging:
    """Takes exchanges and delivers each with its verdict, exactly once.

    Args:
        scenario: The scenario.
        population: Its identities.
        expectations: What it expects, compiled.
        oracle: Knows the truths.
        deliver: Called with every exchange and its verdict.
    """

    def __init__(
        self,
        scenario: Scenario,
        population: Population,
        expectations: Expectations,
        oracle: Oracle,
        deliver: Callable[[Exchange, Verdict], None],
    ) -> None:
        self._scenario = scenario
        self._population = population
        self._expectations = expectations
        self._oracle = oracle
        self._deliver = deliver
        self._disputes: asyncio.Queue[Dispute] = asyncio.Queue()
        self._owners: OrderedDict[tuple[object, ...], Owners] = OrderedDict()

    def take(self, exchange: Exchange) -> None:
        """Judge an exchange: deliver it now, or put it aside until its truth has been read again."""
        draw = exchange.draw
        identity = self._population[draw.identity]
        expectation = self._expectations.of(draw.request, identity.mix)
        variables = self._variables(exchange) if expectation.headers or expectation.json else _NOTHING
        verdict = judge(exchange, expectation, identity.token, self._oracle.truth(draw), variables)
        if isinstance(verdict, Dispute):
            self._disputes.put_nowait(verdict)
        else:
            self._deliver(exchange, verdict)

    async def settle(self) -> None:
        """Settle disputes for as long as it runs."""
        while True:
            batch = [await self._disputes.get()]
            while len(batch) < _SETTLED_AT_ONCE and not self._disputes.empty():
                batch.append(self._disputes.get_nowait())
            await self._settle_batch(batch)
            for _ in batch:
                self._disputes.task_done()

    async def settled(self) -> None:
        """Wait until no dispute is left."""
        await self._disputes.join()

    def abandon(self) -> None:
        """Deliver what is still disputed as unknown: the run is left at once."""
        while not self._disputes.empty():
            self._deliver(self._disputes.get_nowait().exchange, unknown("the run ended before it could be judged"))
            self._disputes.task_done()

    async def _settle_batch(self, batch: Sequence[Dispute]) -> None:
        try:
            readings = await self._oracle.read_again([dispute.exchange.draw for dispute in batch])
            verdicts = [
                settle(dispute, reading, await self._whose(dispute, reading))
                for dispute, reading in zip(batch, readings, strict=True)
            ]
        except LoadcheckError as problem:
            verdicts = [unknown(f"the truth could not be read again: {problem.message}")] * len(batch)
        for dispute, verdict in zip(batch, verdicts, strict=True):
            self._deliver(dispute.exchange, verdict)

    async def _whose(self, dispute: Dispute, reading: Reading) -> Owners:
        if not dispute.expectation.expects_rows or dispute.agrees_with(reading.truth):
            return NOBODY
        owners = await self._neighbours(dispute)
        if not changed(dispute, reading):
            return owners
        if dispute.before is None or len(self._population) > _REREAD_IDENTITIES:
            return NOBODY
        return owners.in_both(Owners(await self._oracle.neighbours_again(dispute.exchange.draw)))

    async def _neighbours(self, dispute: Dispute) -> Owners:
        draw = dispute.exchange.draw
        key = (draw.request, *(draw.values if dispute.expectation.drawn else ()))
        owners = self._owners.get(key)
        if owners is None:
            owners = self._owners[key] = Owners(await self._oracle.neighbours(draw))
            if len(self._owners) > _OWNERS_KEPT:
                self._owners.popitem(last=False)
        return owners

    def _variables(self, exchange: Exchange) -> Mapping[str, Any]:
        draw = exchange.draw
        names = self._scenario.requests[draw.request].vars
        return variables(self._population[draw.identity], dict(zip(names, draw.values, strict=True)))
