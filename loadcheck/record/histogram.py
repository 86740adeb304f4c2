"""Durations counted in buckets that widen with them: percentiles of a run of any length in bounded memory."""

from array import array
from dataclasses import dataclass
from math import ceil, frexp
from typing import Final

_SHORTEST: Final = 1e-6  # seconds; whatever is shorter is counted as this
_LONGEST: Final = 3600.0  # seconds; whatever is longer is counted as this
_STEPS: Final = 64  # buckets in each doubling: the middle of one is at most 1/128 from any value in it


def _bucket(seconds: float) -> int:
    fraction, doubling = frexp(seconds)
    return doubling * _STEPS + int((fraction - 0.5) * 2 * _STEPS)


def _end_bucket(seconds: float) -> int:
    return _bucket(_LONGEST if seconds > _LONGEST else _SHORTEST)


def _middle(bucket: int) -> float:
    doubling, step = divmod(bucket, _STEPS)
    return (0.5 + (step + 0.5) / (2 * _STEPS)) * 2.0**doubling


class Histogram:
    """How often each duration was seen.

    Count, sum, shortest and longest are exact; a percentile is within 1 % for durations from 1 us to an hour.
    At most 2,100 buckets are ever kept, and only those that were hit.

    Attributes:
        count: How many durations were added.
        total: Their sum, in seconds.
        shortest: The shortest of them; infinite when there is none.
        longest: The longest of them; 0 when there is none.
    """

    __slots__ = ("_buckets", "count", "longest", "shortest", "total")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.total = 0.0
        self.shortest = float("inf")
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration; a negative one counts as 0."""
        # Called six times for each exchange: comparisons, for a call of min or max costs several of them.
        if seconds < 0.0:  # noqa: PLR1730
            seconds = 0.0
        self.count += 1
        self.total += seconds
        if seconds < self.shortest:  # noqa: PLR1730
            self.shortest = seconds
        if seconds > self.longest:  # noqa: PLR1730
            self.longest = seconds
        bucket = _bucket(seconds) if _SHORTEST <= seconds <= _LONGEST else _end_bucket(seconds)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    def merge(self, other: "Histogram") -> None:
        """Add all that the other one has counted."""
        self.count += other.count
        self.total += other.total
        self.shortest = min(self.shortest, other.shortest)
        self.longest = max(self.longest, other.longest)
        # A copy, for the other one may be counting in another thread.
        for bucket, count in other._buckets.copy().items():  # noqa: SLF001 -- of the same class
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count

    def copy(self) -> "Histogram":
        """Return one of its own with the same content; safe while another thread adds to this one."""
        other = Histogram()
        other.count, other.total = self.count, self.total
        other.shortest, other.longest = self.shortest, self.longest
        other._buckets = self._buckets.copy()
        return other

    def packed(self) -> "Packed":
        """Return its content as it is now, in a tenth of the memory."""
        buckets = self._buckets.copy()
        ends = self.count, self.total, self.shortest, self.longest
        return Packed(array("l", buckets.keys()), array("q", buckets.values()), ends)

    def since(self, earlier: "Histogram") -> "Histogram":
        """Return what was added after `earlier`, a copy of this one made then.

        Its shortest and longest are known as well as any percentile, within 1 %.
        """
        more = Histogram()
        more.count, more.total = self.count - earlier.count, self.total - earlier.total
        before = earlier._buckets  # noqa: SLF001 -- of the same class
        grown = {bucket: count - before.get(bucket, 0) for bucket, count in self._buckets.items()}
        more._buckets = {bucket: count for bucket, count in grown.items() if count}
        if more._buckets:
            more.shortest = max(_middle(min(more._buckets)), self.shortest)
            more.longest = min(_middle(max(more._buckets)), self.longest)
        return more

    def percentile(self, percent: float) -> float | None:
        """Return the duration in seconds that `percent` of the added ones do not exceed (nearest rank).

        Args:
            percent: From 0, the shortest, to 100, the longest.

        Returns:
            None when nothing was added.
        """
        # The live view reads from its own thread. Copying a dict of integers is one step of the interpreter,
        # so no `add` comes between, and the ranks below are those of the copy.
        buckets = self._buckets.copy()
        if not buckets:
            return None
        counted = sum(buckets.values())
        rank = min(max(ceil(counted * percent / 100), 1), counted)
        if rank in {1, counted}:
            return self.shortest if rank == 1 else self.longest
        return min(max(_at_rank(buckets, rank), self.shortest), self.longest)

    @property
    def mean(self) -> float | None:
        """The arithmetic mean in seconds; None when nothing was added."""
        return self.total / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class Packed:
    """What a histogram held at one moment, for when many of them are kept."""

    buckets: "array[int]"
    counts: "array[int]"
    ends: tuple[int, float, float, float]

    def unpacked(self) -> Histogram:
        """Return a histogram with that content."""
        whole = Histogram()
        whole.count, whole.total, whole.shortest, whole.longest = self.ends
        whole._buckets = dict(zip(self.buckets, self.counts, strict=True))  # noqa: SLF001 -- of the same module
        return whole


def _at_rank(buckets: dict[int, int], rank: int) -> float:
    """Return the middle of the bucket that holds the duration of this rank, 1 being the shortest."""
    passed = 0
    for bucket in sorted(buckets):
        passed += buckets[bucket]
        if passed >= rank:
            return _middle(bucket)
    raise AssertionError("the rank is above the number of durations counted")
