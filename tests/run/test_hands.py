"""What a run knows of its workers, by what they tell."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

from loadcheck.run.judging.accounts import Accounts
from loadcheck.run.workers.hands import Hand, Hands
from loadcheck.run.workers.messages import Braced, Look, Report
from tests.cli.command import PATIENCE_S

REPORT = Report(cast("Any", None), None, Counter(), Counter(), (), {}, 0, Accounts())


@dataclass
class Line:
    """Stands for the line to a worker, which tells what it is made to tell."""

    told: asyncio.Queue[object] = field(default_factory=asyncio.Queue)
    orders: asyncio.Queue[object] = field(default_factory=asyncio.Queue)

    def send(self, order: object) -> None:
        self.orders.put_nowait(order)

    async def receive(self) -> object:
        return await self.told.get()


async def test_a_report_that_was_asked_for_before_does_not_do() -> None:
    change, line = asyncio.Condition(), Line()
    hand = Hand(1, cast("Any", None), cast("Any", line), change, asyncio.Queue())
    hands = Hands([hand], change, hand.news)
    listening = asyncio.create_task(hand.listen())
    earlier, later = asyncio.create_task(hands.report()), asyncio.create_task(hands.report())
    async with asyncio.timeout(PATIENCE_S):
        assert [await line.orders.get(), await line.orders.get()] == [Look(), Look()]
        line.told.put_nowait(REPORT)
        line.told.put_nowait(Braced())
        await earlier
        await hands.until(lambda hand: hand.braced == 1)
        assert not later.done()
        line.told.put_nowait(REPORT)
        await later
    listening.cancel()
