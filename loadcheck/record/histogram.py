"""Durations counted in buckets that widen with them: percentiles of a run of any length in bounded memory."""

import struct
import sys
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from math import ceil
from typing import Final, Self

_SHORTEST: Final = 1e-6  # seconds; whatever is shorter is counted as this
_LONGEST: Final = 3600.0  # seconds; whatever is longer is counted as this
_WAITING: Final = 256  # durations that are counted at once
_UPPER_HALF: Final = slice(1 if sys.byteorder == "little" else 0, None, 2)


def _buckets(durations: Iterable[float]) -> Counter[int]:
    """Return how many fall into each bucket, which is the upper half of a number of 32 bits (IEEE 754, binary32).

    That has the exponent and seven bits of the fraction: 128 buckets in each doubling, with the middle of one at most
    1/256 from any value in it. The array and the counter do it at C's speed.
    """
    return Counter(memoryview(array("f", durations)).cast("B").cast("H")[_UPPER_HALF].tolist())


def _middle(bucket: int) -> float:
    (seconds,) = struct.unpack(">f", struct.pack(">HH", bucket, 1 << 15))
    return float(seconds)


@dataclass(slots=True)
class _Counted:
    """What was counted up to some moment; it is never changed, so that any thread may read it."""

    buckets: dict[int, int] = field(default_factory=dict)
    count: int = 0
    total: float = 0.0
    shortest: float = float("inf")
    longest: float = 0.0

    def and_more(self, other: "_Counted") -> "_Counted":
        """Return both together."""
        less, more = sorted((self.buckets, other.buckets), key=len)
        buckets = dict(more)  # and no counter, as what has just come is
        for bucket, count in less.items():
            buckets[bucket] = buckets.get(bucket, 0) + count
        return _Counted(
            buckets,
            self.count + other.count,
            self.total + other.total,
            min(self.shortest, other.shortest),
            max(self.longest, other.longest),
        )


_NOTHING: Final = _Counted()


def _counted(durations: list[float]) -> _Counted:
    if not durations:
        return _NOTHING
    if min(durations) < 0.0:
        durations = [max(duration, 0.0) for duration in durations]
    shortest, longest = min(durations), max(durations)
    within = durations
    if shortest < _SHORTEST or longest > _LONGEST:
        within = [min(max(duration, _SHORTEST), _LONGEST) for duration in durations]
    return _Counted(_buckets(within), len(durations), sum(durations), shortest, longest)


class Histogram:
    """How often each duration was seen.

    Count, sum, shortest and longest are exact; a percentile is within 1 % for durations from 1 us to an hour.
    At most 4,200 buckets are ever kept, and only those that were hit.

    One thread may add while others read: what is counted and what waits for it are replaced together.
    """

    __slots__ = ("_state",)

    def __init__(self, counted: _Counted = _NOTHING) -> None:
        self._state: tuple[_Counted, list[float]] = (counted, [])

    def add(self, *seconds: float) -> None:
        """Add durations; a negative one counts as 0."""
        counted, waiting = self._state
        waiting.extend(seconds)
        if len(waiting) >= _WAITING:
            self._state = (counted.and_more(_counted(waiting)), [])

    @classmethod
    def sum(cls, parts: Iterable["Histogram"]) -> Self:
        """Return one with all that the others have counted; with a single one, this costs nothing."""
        counted = [part._all() for part in parts]  # noqa: SLF001 -- of the same class
        return cls(reduce(_Counted.and_more, counted) if counted else _NOTHING)

    def merge(self, other: "Histogram") -> None:
        """Add all that the other one has counted."""
        self._state = (self._all().and_more(other._all()), [])  # noqa: SLF001 -- as above

    def packed(self) -> "Packed":
        """Return its content as it is now, in a tenth of the memory."""
        all_ = self._all()
        ends = all_.count, all_.total, all_.shortest, all_.longest
        return Packed(array("H", all_.buckets.keys()), array("q", all_.buckets.values()), ends)

    def since(self, earlier: "Histogram") -> "Histogram":
        """Return what was added after `earlier`, the sum of this one alone made then.

        Its shortest and longest are known as well as any percentile, within 1 %.
        """
        all_, before = self._all(), earlier._all()  # noqa: SLF001 -- as above
        grown = {bucket: count - before.buckets.get(bucket, 0) for bucket, count in all_.buckets.items()}
        buckets = {bucket: count for bucket, count in grown.items() if count}
        if not buckets:
            return Histogram()
        shortest, longest = max(_middle(min(buckets)), all_.shortest), min(_middle(max(buckets)), all_.longest)
        count, total = all_.count - before.count, all_.total - before.total
        return Histogram(_Counted(buckets, count, total, shortest, longest))

    def percentile(self, percent: float) -> float | None:
        """Return the duration in seconds that `percent` of the added ones do not exceed (nearest rank).

        Args:
            percent: From 0, the shortest, to 100, the longest.

        Returns:
            None when nothing was added.
        """
        all_ = self._all()
        if not all_.count:
            return None
        rank = min(max(ceil(all_.count * percent / 100), 1), all_.count)
        if rank in {1, all_.count}:
            return all_.shortest if rank == 1 else all_.longest
        return min(max(_at_rank(all_.buckets, rank), all_.shortest), all_.longest)

    @property
    def count(self) -> int:
        """How many durations were added."""
        counted, waiting = self._state
        return counted.count + len(waiting)

    @property
    def total(self) -> float:
        """Their sum, in seconds."""
        return self._all().total

    @property
    def shortest(self) -> float:
        """The shortest of them; infinite when there is none."""
        return self._all().shortest

    @property
    def longest(self) -> float:
        """The longest of them; 0 when there is none."""
        return self._all().longest

    @property
    def mean(self) -> float | None:
        """The arithmetic mean in seconds; None when nothing was added."""
        all_ = self._all()
        return all_.total / all_.count if all_.count else None

    def _all(self) -> _Counted:
        """Return what was added until now. What is counted meanwhile changes neither part of it."""
        counted, waiting = self._state
        return counted.and_more(_counted(waiting.copy())) if waiting else counted


@dataclass(frozen=True, slots=True)
class Packed:
    """What a histogram held at one moment, for when many of them are kept."""

    buckets: "array[int]"
    counts: "array[int]"
    ends: tuple[int, float, float, float]

    def unpacked(self) -> Histogram:
        """Return a histogram with that content."""
        return Histogram(_Counted(dict(zip(self.buckets, self.counts, strict=True)), *self.ends))


def _at_rank(buckets: dict[int, int], rank: int) -> float:
    """Return the middle of the bucket that holds the duration of this rank, 1 being the shortest."""
    passed = 0
    for bucket in sorted(buckets):
        passed += buckets[bucket]
        if passed >= rank:
            return _middle(bucket)
    raise AssertionError("the rank is above the number of durations counted")
