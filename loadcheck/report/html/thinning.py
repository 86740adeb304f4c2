"""Thinning a long series for a chart, with its extremes kept as they are."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

Point = tuple[float, float | None]
"""Seconds after the run's start, and the value; None where nothing was measured."""

_STRETCHES: Final = 600


def thinned(points: Sequence[Point], stretches: int = _STRETCHES) -> list[Point]:
    """Return the points, of a long series only the least and the greatest of each stretch: exact, at their own times.

    A stretch in which nothing was measured stays a gap. At most twice `stretches` points are returned.
    """
    if len(points) <= 2 * stretches:
        return list(points)
    edges = [round(number * len(points) / stretches) for number in range(stretches + 1)]
    kept: list[Point] = []
    for first, last in pairwise(edges):
        kept += _extremes(points[first:last])
    return kept


def _extremes(stretch: Sequence[Point]) -> list[Point]:
    values = [(value, at) for at, value in stretch if value is not None]
    if not values:
        return [stretch[0]]
    least, greatest = min(values), max(values)
    return [(at, value) for at, value in sorted({(least[1], least[0]), (greatest[1], greatest[0])})]


Stretch = tuple[float, float]
"""From and to, in seconds after the run's start."""


def merged(stretches: Sequence[Stretch], gap: float) -> Iterator[Stretch]:
    """Yield stretches, in order, those that are no more than `gap` seconds apart as one."""
    began: float | None = None
    ended = 0.0
    for first, last in stretches:
        if began is not None and first - ended > gap:
            yield began, ended
            began = None
        began = first if began is None else began
        ended = max(ended, last)
    if began is not None:
        yield began, ended
