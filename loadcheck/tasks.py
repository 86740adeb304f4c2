"""What asyncio leaves to its users."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@contextmanager
def ungrouped() -> Iterator[None]:
    """Raise the first exception of a group as itself: callers of a task group tell errors apart by their class."""
    try:
        yield
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Do what must not be left half done: who cancels it waits until it is done."""
    doing, cancelled = asyncio.ensure_future(work), False
    while not doing.done():
        try:
            await asyncio.wait([doing])
        except asyncio.CancelledError:
            cancelled = True
    result = doing.result()
    if cancelled:
        raise asyncio.CancelledError
    return result
