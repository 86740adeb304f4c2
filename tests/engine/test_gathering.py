"""What ended is told once, in its order, and together."""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.events import Draw, Exchange
from loadcheck.engine.gathering import Gathering


def exchanges(start: int, count: int) -> list[Exchange]:
    return [Exchange(Draw(seq, 0, 0), 0, 0.0, 0.0, 0.0, None) for seq in range(start, start + count)]


class Told:
    """Keeps what was told, a batch at a time."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.more = asyncio.Event()

    def __call__(self, ended: Sequence[Exchange]) -> None:
        self.batches.append([exchange.draw.seq for exchange in ended])
        self.more.set()


async def test_a_single_one_is_told_after_a_moment() -> None:
    told = Told()
    Gathering(told).add(exchanges(0, 1))
    assert told.batches == []
    await told.more.wait()
    assert told.batches == [[0]]


async def test_enough_of_them_are_told_as_soon_as_the_loop_is_free() -> None:
    told = Told()
    gathering = Gathering(told)
    gathering.add(exchanges(0, 60))
    gathering.add(exchanges(60, 10))
    assert told.batches == []
    await asyncio.sleep(0)
    assert told.batches == [list(range(70))]


async def test_what_was_told_already_is_not_told_again() -> None:
    told = Told()
    gathering = Gathering(told)
    gathering.add(exchanges(0, 3))
    gathering.tell()
    gathering.tell()
    gathering.add(exchanges(3, 64))
    await told.more.wait()
    await asyncio.sleep(0)
    assert told.batches == [[0, 1, 2], list(range(3, 67))]


@given(st.lists(st.tuples(st.integers(1, 100), st.sampled_from(["go on", "yield", "tell"])), max_size=20))
def test_each_is_told_once_and_in_order(steps: list[tuple[int, str]]) -> None:
    async def follow() -> tuple[list[int], int]:
        told, count = Told(), 0
        gathering = Gathering(told)
        for size, then in steps:
            gathering.add(exchanges(count, size))
            count += size
            if then == "yield":
                await asyncio.sleep(0)
            elif then == "tell":
                gathering.tell()
        gathering.tell()
        await asyncio.sleep(0)
        return [seq for batch in told.batches for seq in batch], count

    seqs, count = asyncio.run(follow())
    assert seqs == list(range(count))
