"""Shrinking: from a long history that shows something to a short one that still does.

The idea is that of ddmin (A. Zeller and R. Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE
Transactions on Software Engineering 28(2), 2002): leave out ever smaller parts, for as long as what is left shows it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

Shows = Callable[[Sequence[T]], Awaitable[bool]]
"""Whether a list of exchanges, replayed in its order, still shows it."""


async def shrink(history: Sequence[T], shows: Shows[T], least: int = 1) -> AsyncIterator[Sequence[T]]:
    """Yield ever shorter lists that show it; from the last one no item can be left out.

    The last item, which is where it shows, always stays. Of several that would each do as the other ones, the
    latest stay.

    Args:
        history: The items, in order.
        shows: Asked about each list that is tried.
        least: Shorter lists are not tried.
    """
    left = await _shortest_ending(history, shows, least)
    if left is not None:
        yield left
        async for fewer in _without_parts(left, shows, least):
            yield fewer


async def _shortest_ending(history: Sequence[T], shows: Shows[T], least: int) -> Sequence[T] | None:
    """Return the first ending that shows it, each tried being twice as long: most often it takes what came last."""
    length = least
    while length < len(history):
        if await shows(history[-length:]):
            return history[-length:]
        length *= 2
    return history if len(history) >= least and await shows(history) else None


async def _without_parts(history: Sequence[T], shows: Shows[T], least: int) -> AsyncIterator[Sequence[T]]:
    """Leave out parts of half the length, of a quarter, and so on; single items until none can be left out."""
    part, left = max(len(history) // 2, 1), history
    while len(left) > least:
        before, at = left, 0
        while at < len(left) - 1:
            fewer = [*left[:at], *left[min(at + part, len(left) - 1) :]]
            if len(fewer) >= least and await shows(fewer):
                left = fewer
                yield left
            else:
                at += part
        if part == 1 and left is before:
            return
        part = max(part // 2, 1)
