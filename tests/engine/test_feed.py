import asyncio
from collections.abc import Sequence
from itertools import count

import pytest

from loadcheck.engine.events import Draw
from loadcheck.engine.feed import Feed
from tests.engine.virtual import VirtualClock, virtually


class Preparing:
    """Takes as long as it is told, and remembers what it prepared."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.batches: list[list[int]] = []

    async def __call__(self, batch: Sequence[Draw]) -> None:
        await asyncio.sleep(self.seconds)
        self.batches.append([draw.seq for draw in batch])


def feed_of(prepare: Preparing, *, batch: int = 4, ahead: int = 2) -> Feed:
    return Feed((Draw(seq, 0, 0) for seq in count()), prepare, VirtualClock(), batch=batch, ahead=ahead)


async def taken(feed: Feed, amount: int) -> list[int]:
    return [feed.take().seq for _ in range(amount) if await feed.ready()]


def test_draws_come_in_order_and_only_once_prepared() -> None:
    async def run() -> None:
        prepare = Preparing()
        feed = feed_of(prepare)
        async with asyncio.TaskGroup() as group:
            group.create_task(feed.fill())
            for expected in range(50):
                assert await feed.ready()
                draw = feed.take()
                assert draw.seq == expected
                assert any(draw.seq in batch for batch in prepare.batches)
            feed.close()

    virtually(run())


def test_it_keeps_ahead_and_no_further() -> None:
    async def run() -> None:
        prepare = Preparing()
        feed = feed_of(prepare, batch=4, ahead=3)
        async with asyncio.TaskGroup() as group:
            group.create_task(feed.fill())
            await asyncio.sleep(1)
            assert len(prepare.batches) == 3
            await taken(feed, 3)
            await asyncio.sleep(1)
            assert len(prepare.batches) == 3
            await taken(feed, 1)
            await asyncio.sleep(1)
            assert len(prepare.batches) == 4
            feed.close()

    virtually(run())


def test_priming_is_not_starving_but_waiting_later_is() -> None:
    async def run() -> None:
        feed = feed_of(Preparing(seconds=2.0), batch=4, ahead=1)
        async with asyncio.TaskGroup() as group:
            group.create_task(feed.fill())
            await feed.primed()
            assert feed.starved_s == 0
            await taken(feed, 4)
            waiting = [group.create_task(taken(feed, 1)) for _ in range(3)]
            await asyncio.sleep(1.5)
            assert feed.starved_s == pytest.approx(1.5)
            assert sorted([(await task)[0] for task in waiting]) == [4, 5, 6]
            assert feed.starved_s == pytest.approx(2.0), "three waited at the same time: that counts once"
            feed.close()

    virtually(run())


def test_whoever_waits_is_let_go_when_it_closes() -> None:
    async def run() -> None:
        feed = feed_of(Preparing(seconds=1000))
        waiting = asyncio.create_task(feed.ready())
        primed = asyncio.create_task(feed.primed())
        await asyncio.sleep(1)
        feed.close()
        assert await waiting is False
        await primed
        assert await feed.ready() is False

    virtually(run())


def test_a_closed_feed_fills_no_more() -> None:
    async def run() -> None:
        prepare = Preparing()
        feed = feed_of(prepare)
        filling = asyncio.create_task(feed.fill())
        await feed.primed()
        feed.close()
        await filling
        assert not await taken(feed, 1)

    virtually(run())


def test_what_prepare_raises_ends_the_filling() -> None:
    async def refuse(_batch: Sequence[Draw]) -> None:
        raise RuntimeError("no truth")

    async def run() -> None:
        await Feed((Draw(seq, 0, 0) for seq in count()), refuse, VirtualClock()).fill()

    with pytest.raises(RuntimeError, match="no truth"):
        virtually(run())
