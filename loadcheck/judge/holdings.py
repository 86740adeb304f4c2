"""What each owner may have: a model of every row that the run has written, kept as small as looks still allow."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from loadcheck.engine.events import Draw, Exchange
from loadcheck.judge.writes import ABSENT, BEFORE, Ended, Look, Write, idle, remaining
from loadcheck.scenario.writes import Does

LINGERS_S: Final = 150.0
"""A write whose answer was lost may still happen for so long: PgBouncer alone lets one wait for 120 s."""

_MAKES_ROWS: Final = frozenset({Does.INSERT, Does.UPSERT, Does.IGNORE})
_REFUSED_KEPT: Final = 10_000
_REACHING_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class Place:
    """Rows that a write reaches, or that a look is at.

    Attributes:
        table: Its name.
        owner: Whose they are, as the table's owner columns say it.
        key: The one row's key; None for all rows of the owner.
    """

    table: str
    owner: str
    key: str | None = None


@dataclass(slots=True)
class Row:
    """One row that the run has written.

    Attributes:
        writes: Those that a look may still find.
        seen: The last value that somebody found there, and when.
    """

    writes: list[Write]
    seen: tuple[int, float] = (ABSENT, -math.inf)


@dataclass(slots=True)
class Owned:
    """The rows of one owner in one table.

    Attributes:
        rows: By key.
        sweeps: Writes that reach all rows, as long as a look may still find rows from before them.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    sweeps: list[Write] = field(default_factory=list)

    def writes(self, row: Row) -> list[Write]:
        """Return every write that matters to a row."""
        return [*row.writes, *self.sweeps] if self.sweeps else row.writes


class Holdings:
    """Follows the writes of a run.

    Times are seconds of any clock; calls come in their order.

    Attributes:
        rows: How many rows are followed.
        lost: Which writes were told not to be where they belong, by their `seq`.
    """

    def __init__(self) -> None:
        self._owned: dict[tuple[str, str], Owned] = {}
        self._under_way: dict[int, float] = {}
        self._pending: dict[int, tuple[Place, Write]] = {}
        self._settling: deque[tuple[Place, Write]] = deque()
        self._lingering: deque[tuple[float, Place, Write]] = deque()
        self._refused: deque[Write] = deque(maxlen=_REFUSED_KEPT)
        self._reaching: deque[tuple[Place, Write]] = deque(maxlen=_REACHING_KEPT)
        self.rows = 0
        self.lost: set[int] = set()

    def look(self, number: int, now: float) -> None:
        """Keep from now on what a look may find, until it is `looked`."""
        self._under_way[number] = now

    def looked(self, number: int, now: float) -> Look:
        """Return the look, which is over; what it found must be judged before anything else is told."""
        return Look(self._under_way.pop(number), now)

    def send(self, place: Place, write: Write) -> None:
        """Follow a write from its sending."""
        seq = write.draw.seq
        self._under_way[seq] = write.sent
        self._pending[seq] = place, write
        if write.does in {Does.UPDATE, Does.DELETE}:
            self._reaching.append((place, write))
        owned = self._owned.setdefault((place.table, place.owner), Owned())
        if place.key is None:
            owned.sweeps.append(write)
        else:
            self._row(owned, place.key).writes.append(write)

    def began(self, number: int) -> float:
        """Return when a look or a write began that is not over."""
        return self._under_way[number]

    def end(self, seq: int, ended: Ended, now: float, exchange: Exchange | None = None) -> None:
        """Tell what came of a write, and keep of its exchange what a finding would tell."""
        place, write = self._pending.pop(seq)
        del self._under_way[seq]
        if exchange is not None:
            write.phase = exchange.phase
            write.status = 0 if exchange.answer is None else exchange.answer.status
        if ended is Ended.UNKNOWN:
            self._lingering.append((now + LINGERS_S, place, write))
        elif ended is Ended.REFUSED:
            write.done = -math.inf
            self._forget(place, write)
            self._refused.append(write)
        else:
            write.acknowledged, write.done = True, now
            self._settling.append((place, write))

    def tidy(self, now: float) -> None:
        """Forget what no look can find any more."""
        while self._lingering and self._lingering[0][0] <= now:
            write_done, place, write = self._lingering.popleft()
            write.done = write_done
            self._settling.append((place, write))
        horizon = next(iter(self._under_way.values()), now)
        while self._settling and self._settling[0][1].done <= horizon:
            self._settle(*self._settling.popleft())

    def unanswered(self, table: str, now: float) -> int:
        """Return how many writes may still make a row of a table: no answer and no look has told what came of them."""
        lost = ((place, write) for until, place, write in self._lingering if until > now)
        return sum(
            place.table == table and write.does in _MAKES_ROWS and not self._found(place, write)
            for place, write in chain(self._pending.values(), lost)
        )

    def owned(self, table: str, owner: str) -> Owned:
        """Return what an owner has in a table."""
        return self._owned.get((table, owner)) or Owned()

    def everything(self, table: str) -> Iterator[tuple[str, Owned]]:
        """Yield every owner of rows in a table."""
        return ((owner, owned) for (of, owner), owned in list(self._owned.items()) if of == table)

    def accept(self, place: Place, value: int, look: Look, instead: Write | None) -> None:
        """Take a value that should not be there as it is, once that was told: later looks are held against it.

        Args:
            place: Of the one row.
            value: What was found there.
            look: When.
            instead: The write that should show there; None when nothing should.
        """
        if instead is not None:
            self.lost.add(instead.draw.seq)
        owned = self._owned.setdefault((place.table, place.owner), Owned())
        if place.key is None:
            raise ValueError("only one row at a time can be accepted")
        row = self._row(owned, place.key)
        found = next((write for write in row.writes if write.value == value), None)
        draw = Draw(value, 0, 0) if found is None else found.draw
        does = Does.DELETE if value == ABSENT else Does.UPSERT
        row.writes.append(Write(draw, does, look.sent, look.done, told=True))

    def reaching(self, place: Place, since: float) -> Write | None:
        """Return the last write of another owner that may have removed a row since a time, had it reached too far."""
        suspects = (
            write
            for at, write in reversed(self._reaching)
            if at.table == place.table and at.owner != place.owner and at.key in {None, place.key}
            if write.done >= since
        )
        return next(suspects, None)

    def refused(self, seq: int) -> Write | None:
        """Return a write that was refused, if it is still remembered."""
        return next((write for write in self._refused if write.draw.seq == seq), None)

    def find(self, table: str, owner: str, seq: int) -> Write | None:
        """Return a write of an owner, if it is still followed."""
        owned = self.owned(table, owner)
        followed = (write for row in owned.rows.values() for write in owned.writes(row))
        return next((write for write in followed if write.draw.seq == seq), None)

    def _found(self, place: Place, write: Write) -> bool:
        row = self.owned(place.table, place.owner).rows.get(place.key or "")
        return row is not None and row.seen[0] == write.value

    def _row(self, owned: Owned, key: str) -> Row:
        if key not in owned.rows:
            owned.rows[key] = Row([BEFORE])
            self.rows += 1
        return owned.rows[key]

    def _forget(self, place: Place, write: Write) -> None:
        owned = self._owned[place.table, place.owner]
        if place.key is None:
            owned.sweeps.remove(write)
            return
        row = owned.rows[place.key]
        row.writes.remove(write)
        self._drop_if_absent(owned, place.key, row)

    def _settle(self, place: Place, write: Write) -> None:
        """Apply a write that no look under way can have come before."""
        owned = self._owned[place.table, place.owner]
        if place.key is not None:
            self._prune(owned, place.key, write)
            return
        owned.sweeps.remove(write)
        for key, row in list(owned.rows.items()):
            row.writes.append(write)
            self._prune(owned, key, write)

    def _prune(self, owned: Owned, key: str, settled: Write) -> None:
        """Forget what a write has overwritten, and the write itself if it did nothing.

        Nothing that ended later is applied yet, for whether this one did anything depends on what came before it.
        """
        row = owned.rows.get(key)
        if row is None:
            return
        others = [write for write in owned.writes(row) if write is not settled]
        kept = [write for write in row.writes if write is not settled] if idle(settled, others) else row.writes
        row.writes = remaining(kept, settled.done)
        self._drop_if_absent(owned, key, row)

    def _drop_if_absent(self, owned: Owned, key: str, row: Row) -> None:
        if all(write.value == ABSENT and write.done < math.inf for write in row.writes):
            del owned.rows[key]
            self.rows -= 1
