"""The fewest exchanges, with a function in place of a replay."""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from loadcheck.run.inquiry.shrinking import Shows, shrink


async def _last(history: Sequence[int], shows: Shows[int], least: int) -> list[Sequence[int]]:
    return [shorter async for shorter in shrink(history, shows, least)]


def shrunk(history: Sequence[int], needed: Sequence[int], least: int = 1) -> tuple[list[Sequence[int]], int]:
    """Shrink where the needed ones show it, in their order; return each list, and how many were tried."""
    tried = 0

    async def shows(items: Sequence[int]) -> bool:
        nonlocal tried
        tried += 1
        left = iter(items)
        return bool(items) and items[-1] == history[-1] and all(one in left for one in needed)

    return asyncio.run(_last(history, shows, least)), tried


@given(st.data())
def test_what_is_left_is_exactly_what_is_needed(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 60))
    needed = sorted(data.draw(st.sets(st.integers(0, length - 1), max_size=4)) | {length - 1})
    lists, _ = shrunk(range(length), needed)
    assert list(lists[-1]) == needed
    assert [len(one) for one in lists] == sorted({len(one) for one in lists}, reverse=True)


@given(st.lists(st.sets(st.integers(0, 19), min_size=1), min_size=1, max_size=4))
def test_nothing_can_be_left_out_where_several_things_would_do(ways: list[set[int]]) -> None:
    async def shows(items: Sequence[int]) -> bool:
        return items[-1:] == [20] and any(way <= set(items) for way in ways)

    left = list(asyncio.run(_last(list(range(21)), shows, 1))[-1])
    for at in range(len(left) - 1):
        assert not asyncio.run(shows(left[:at] + left[at + 1 :]))


def test_poison_and_victim_take_few_replays() -> None:
    lists, tried = shrunk(range(300), [290, 299])
    assert list(lists[-1]) == [290, 299]
    assert tried <= 20


def test_of_several_poisons_the_latest_is_left() -> None:
    async def shows(items: Sequence[int]) -> bool:
        return items[-1] == 9 and any(poison in items for poison in (2, 4, 6))

    assert list(asyncio.run(_last(list(range(10)), shows, 1))[-1]) == [6, 9]


def test_what_does_not_show_it_yields_nothing() -> None:
    assert shrunk(range(20), [50]) == ([], 6)


def test_no_list_is_shorter_than_the_least() -> None:
    lists, _ = shrunk(range(20), [19], least=2)
    assert list(lists[-1]) == [18, 19]
