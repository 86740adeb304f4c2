"""Coverage: how often backends changed hands, and how often each ran the same statement; where leaks could show."""

from bisect import insort
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import Final

from loadcheck.engine.events import Draw
from loadcheck.record.span import Reached, Span

# Uses that are counted in a row: one at a time, between other things, each costs three times as much of the processor.
_TOGETHER: Final = 128
# Answers of one backend are read nearly in the order in which they were made: this many are kept to put them in order.
_REORDERED: Final = 8
# Of as many backends at a time: whatever is still to come of one that was silent longer than so many others is new.
_AWAKE: Final = 128
# More than a PostgreSQL ever has at once: one that was silent longer than so many others has ended.
_BACKENDS_KEPT: Final = 1024


@dataclass(slots=True)
class Use:
    """One transaction on one backend, as the stamp on its answer tells of it.

    Attributes:
        at: Transaction time, in microseconds since 1970.
        draw: What was asked.
        mix: The claim mix of the identity that asked.
        phase: Index into the scenario's load.
        ok: Whether the answer was right.
        shows: Whether it is known that the answer shows whose it is: its truth is with whoever judged it.
    """

    at: int
    draw: Draw
    mix: int
    phase: int
    ok: bool
    shows: bool = False


class Coverage:
    """Counts what stamps show of a run and of each phase, in memory that grows with backends and requests only.

    Args:
        telling: For each request, whether its answers tell whose they are.
        phases: How many phases the run has.
        exposes: Whether an answer to this draw would show that its backend had been this identity's.

    Attributes:
        run: What the whole run reached.
        phases: What each phase reached.
    """

    def __init__(self, telling: Sequence[bool], phases: int, exposes: Callable[[Draw, int], bool]) -> None:
        self.run = Span(telling)
        self.phases = [Span(telling) for _ in range(phases)]
        self._exposes = exposes
        self._new: list[tuple[int, Use]] = []
        self._recent: OrderedDict[int, list[Use]] = OrderedDict()
        self._silent: OrderedDict[int, Use] = OrderedDict()

    def add(self, pid: int, use: Use) -> None:
        """Count one stamped answer of a backend, soon."""
        self._new.append((pid, use))
        if len(self._new) >= _TOGETHER:
            self.counted()

    def counted(self) -> Span:
        """Return what the run has reached, after counting all that was added."""
        new, self._new = self._new, []
        for pid, use in new:
            self._count(pid, use)
        return self.run

    def close(self) -> None:
        """Count what is still kept: nothing more will come."""
        self.counted()
        for recent in self._recent.values():
            self._flush(recent)
            del recent[:-1]

    def reached(self) -> Reached | None:
        """Return what the run had reached a second ago or less; None while no stamped answer was counted."""
        reached = self.run.reached()
        return reached if reached.backends else None

    def _count(self, pid: int, use: Use) -> None:
        for span in (self.run, self.phases[use.phase]):
            span.used(pid, use.draw.request)
        recent = self._recent.get(pid)
        if recent is None:
            recent = self._awaken(pid)
        self._recent.move_to_end(pid)
        if not recent or recent[-1].at <= use.at:
            recent.append(use)
        else:
            insort(recent, use, key=attrgetter("at"))
        if len(recent) > _REORDERED:
            self._follow(recent.pop(0), recent[0])

    def _awaken(self, pid: int) -> list[Use]:
        """Return the latest uses of a backend that has been silent; the one that has been so for longest makes room."""
        last = self._silent.pop(pid, None)
        recent = self._recent[pid] = [] if last is None else [last]
        if len(self._recent) > _AWAKE:
            longest, uses = self._recent.popitem(last=False)
            self._flush(uses)
            self._silent[longest] = uses[-1]
        if len(self._silent) > _BACKENDS_KEPT:
            self._silent.popitem(last=False)
        return recent

    def _flush(self, recent: Sequence[Use]) -> None:
        for earlier, later in pairwise(recent):
            self._follow(earlier, later)

    def _follow(self, earlier: Use, later: Use) -> None:
        # The same transaction twice is an answer that was kept and given out again, not a handoff.
        if earlier.at == later.at or earlier.draw.identity == later.draw.identity:
            return
        exposed = later.ok and (later.shows or self._exposes(later.draw, earlier.draw.identity))
        for span in (self.run, self.phases[later.phase]):
            span.handed(earlier.mix, later.mix, later.draw.request if exposed else None)
