"""Counters that a tally is made of, each bounded however long the run is."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from loadcheck.judge.verdict import Ruling
from loadcheck.record.histogram import Histogram

_KINDS: Final = 100  # different texts that a `Texts` tells apart
_REST: Final = "other"
_PAGE_BITS: Final = 10
_PAGE_MASK: Final = (1 << _PAGE_BITS) - 1
_SECONDS: Final = 64  # how far back a `Recent` reaches


@dataclass(slots=True)
class Counts:
    """Exchanges by verdict."""

    sent: int = 0
    ok: int = 0
    violation: int = 0
    unknown: int = 0

    def add(self, ruling: Ruling, count: int = 1) -> None:
        """Count one exchange, or several."""
        self.sent += count
        if ruling is Ruling.OK:
            self.ok += count
        elif ruling is Ruling.VIOLATION:
            self.violation += count
        elif ruling is Ruling.UNKNOWN:
            self.unknown += count

    @classmethod
    def sum(cls, parts: Iterable["Counts"]) -> Self:
        """Return all of them together."""
        whole = cls()
        for part in parts:
            whole.sent += part.sent
            whole.ok += part.ok
            whole.violation += part.violation
            whole.unknown += part.unknown
        return whole

    def merge(self, other: "Counts") -> None:
        """Add all that the other one has counted."""
        self.sent += other.sent
        self.ok += other.ok
        self.violation += other.violation
        self.unknown += other.unknown

    def without(self, part: "Counts") -> "Counts":
        """Return the others, where a part of them is taken away."""
        return Counts(
            self.sent - part.sent, self.ok - part.ok, self.violation - part.violation, self.unknown - part.unknown
        )

    @property
    def checked(self) -> int:
        """Exchanges that were judged one way or the other."""
        return self.ok + self.violation

    @property
    def balanced(self) -> bool:
        """Whether every exchange sent got exactly one verdict."""
        return self.sent == self.ok + self.violation + self.unknown


@dataclass(slots=True)
class Timed:
    """Exchanges by verdict, with how long they took.

    Attributes:
        answered: How many got a whole answer.
        latency: From the intended start, of the answered ones and of those that timed out: without these the
            slowest would be hidden. Other losses are failures of another kind, and often quick ones.
        service: From the actual sending, of the same ones.
    """

    counts: Counts = field(default_factory=Counts)
    answered: int = 0
    latency: Histogram = field(default_factory=Histogram)
    service: Histogram = field(default_factory=Histogram)

    @classmethod
    def sum(cls, parts: Iterable["Timed"]) -> Self:
        """Return all of them together."""
        all_ = list(parts)
        return cls(
            Counts.sum(part.counts for part in all_),
            sum(part.answered for part in all_),
            Histogram.sum(part.latency for part in all_),
            Histogram.sum(part.service for part in all_),
        )


class Texts:
    """How often each text was seen. The first hundred different ones are told apart, the rest is `other`."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, text: str, count: int = 1) -> None:
        """Count one text, or several that are the same."""
        if text not in self._counts and len(self._counts) >= _KINDS:
            text = _REST
        self._counts[text] = self._counts.get(text, 0) + count

    def merge(self, other: "Texts") -> None:
        """Add all that the other one has counted."""
        for text, count in other._counts.items():  # noqa: SLF001 -- of the same class
            self.add(text, count)

    def most_common(self) -> Mapping[str, int]:
        """Return the texts with their counts, the most frequent first."""
        return dict(sorted(self._counts.copy().items(), key=lambda pair: (-pair[1], pair[0])))

    @property
    def total(self) -> int:
        """How many texts were counted."""
        return sum(self._counts.copy().values())


class Members:
    """A set of the integers from 0 up to a fixed size, one bit for each."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._bits = bytearray((size + 7) // 8)
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether all are in."""
        return self.count == self._size

    def add(self, *members: int) -> None:
        """Put some in; twice is once."""
        bits = self._bits
        for member in members:
            byte, bit = member >> 3, 1 << (member & 7)
            if not bits[byte] & bit:
                bits[byte] |= bit
                self.count += 1

    def merge(self, other: "Members") -> None:
        """Put in all that are in the other one, which is of the same size."""
        both = int.from_bytes(self._bits, "little") | int.from_bytes(other._bits, "little")  # noqa: SLF001 -- as above
        self._bits = bytearray(both.to_bytes(len(self._bits), "little"))
        self.count = both.bit_count()

    def __contains__(self, member: int) -> bool:
        return bool(self._bits[member >> 3] & (1 << (member & 7)))


class Numbers:
    """A set of whole numbers, which may be large but lie close together, as process ids do: a bit for each."""

    def __init__(self) -> None:
        self._pages: dict[int, int] = {}
        self.count = 0

    def add(self, number: int) -> None:
        """Put one in; twice is once."""
        page, bit = number >> _PAGE_BITS, 1 << (number & _PAGE_MASK)
        known = self._pages.get(page, 0)
        if not known & bit:
            self._pages[page] = known | bit
            self.count += 1


class Recent:
    """How much happened in each of the last seconds."""

    def __init__(self) -> None:
        self._ring = [(-1, 0)] * _SECONDS

    def add(self, *at: float) -> None:
        """Count events, `at` seconds after the run's start."""
        first, last = int(min(at)), int(max(at))
        counted = {first: len(at)} if first == last else Counter(map(int, at))
        for second, more in counted.items():
            slot = second % _SECONDS
            current, count = self._ring[slot]
            if current <= second:
                self._ring[slot] = (second, more + (count if current == second else 0))

    def merge(self, other: "Recent") -> None:
        """Add all that happened in the same seconds to the other one."""
        for slot, (second, count) in enumerate(other._ring):  # noqa: SLF001 -- as above
            mine, known = self._ring[slot]
            if second >= mine:
                self._ring[slot] = (second, count + (known if second == mine else 0))

    def rate(self, now: float, over: int = 3) -> float:
        """Return events a second over the last `over` whole seconds before `now`, up to a minute of them."""
        last = int(now)
        seconds = range(max(last - min(over, _SECONDS - 4), 0), last)
        counts = [count for second, count in list(self._ring) if second in seconds]
        return sum(counts) / len(seconds) if seconds else 0.0
