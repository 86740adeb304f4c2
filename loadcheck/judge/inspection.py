"""Inspections: what a look has found, held against what each owner may have."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from loadcheck.judge.holdings import Holdings, Owned, Place, Row
from loadcheck.judge.writes import ABSENT, Look, Write, missed, possible
from loadcheck.oracle.marks import Mark


class Naming(Protocol):
    """Knows whose rows are whose, and what they look like."""

    def owner_of(self, table: str, identity: int) -> str | None:
        """Return whose the rows are that an identity writes to a table; None when it can have none."""
        ...

    def show(self, place: Place, write: Write) -> str:
        """Return a row as a write should have left it, for people."""
        ...


class Wrong(StrEnum):
    """What is wrong with a row."""

    FOREIGN = "foreign"
    GONE = "gone"
    STALE = "stale"
    REFUSED = "refused"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A row as somebody has found it.

    Attributes:
        mark: Who wrote it; None when this run did not.
        owner: Whose it is by its own columns; None when they were not looked at.
        key: What tells it from the other rows of its owner.
        shown: The row as JSON, for people.
    """

    mark: Mark | None
    owner: str | None
    key: str
    shown: str


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A row that is not as it may be.

    Attributes:
        place: Where it is, or should be.
        sighting: What was found; None when nothing was.
        expected: The write that should show there; None when nothing should, or when it is not known any more.
        suspect: A write that may have removed the row, had it reached too far.
        lacking: The row that should be there, for people; empty when none should.
        seen: When a row that is gone was last seen as it should be; None when nobody had seen it, or it is not gone.
        doubt: Why nobody knows who removed the row; empty where all who may have could be asked.
    """

    wrong: Wrong
    place: Place
    look: Look
    sighting: Sighting | None = None
    expected: Write | None = None
    suspect: Write | None = None
    lacking: str = ""
    seen: float | None = None
    doubt: str = ""

    @property
    def value(self) -> int:
        """What the row is."""
        mark = None if self.sighting is None else self.sighting.mark
        return ABSENT if mark is None else mark.seq


class Inspection:
    """Takes the rows that one look has found, one after another, and then tells which are missing.

    Args:
        holdings: What each owner may have.
        naming: Whose rows are whose.
        table: The table that was looked at.
        look: When.

    Attributes:
        undecided: How many rows of acknowledged writes were not found, where only writes whose answers were lost can
            have removed them: these are not accounted for.
        checked: How many rows were found, or should have been.
    """

    def __init__(self, holdings: Holdings, naming: Naming, table: str, look: Look) -> None:
        self._holdings = holdings
        self._naming = naming
        self._table = table
        self._look = look
        # Kept here and not with the rows: other looks come between the batches of an audit.
        self._found: set[tuple[str, str]] = set()
        self.undecided = 0
        self.checked = 0

    def add(self, sighting: Sighting, owner: str | None) -> Discrepancy | None:
        """Judge one row.

        Args:
            sighting: The row.
            owner: Who found it among its own rows; None for somebody who can have none.
        """
        place = Place(self._table, owner or "", sighting.key)
        mark = sighting.mark
        if mark is None:
            foreign = sighting.owner is not None and sighting.owner != owner
            return Discrepancy(Wrong.FOREIGN, place, self._look, sighting) if foreign else None
        if owner is None or self._naming.owner_of(self._table, mark.identity) != owner:
            return Discrepancy(Wrong.FOREIGN, place, self._look, sighting)
        self.checked += 1
        return self._own(sighting, place, mark)

    def missing(self, owner: str, key: str | None = None) -> Iterator[Discrepancy]:
        """Yield the rows of an owner, or the one with this key, that should have been found."""
        owned = self._holdings.owned(self._table, owner)
        rows = list(owned.rows.items()) if key is None else [(key, row)] if (row := owned.rows.get(key)) else []
        for at, row in rows:
            if (owner, at) not in self._found:
                yield from self._gone(owned, row, Place(self._table, owner, at))

    def _own(self, sighting: Sighting, place: Place, mark: Mark) -> Discrepancy | None:
        owned = self._holdings.owned(place.table, place.owner)
        row = owned.rows.get(sighting.key)
        if row is None:
            return self._not_there(sighting, place, mark, None)
        if (place.owner, sighting.key) in self._found:
            return self._instead(Wrong.TWICE, sighting, place, None)
        self._found.add((place.owner, sighting.key))
        writes = owned.writes(row)
        if not possible(writes, mark.seq, self._look):
            return self._not_there(sighting, place, mark, missed(writes, self._look))
        row.seen = (mark.seq, self._look.sent)
        return None

    def _not_there(self, sighting: Sighting, place: Place, mark: Mark, expected: Write | None) -> Discrepancy:
        refused = self._holdings.refused(mark.seq)
        if refused is not None:
            return self._instead(Wrong.REFUSED, sighting, place, refused)
        return self._instead(Wrong.STALE, sighting, place, expected)

    def _instead(self, wrong: Wrong, sighting: Sighting, place: Place, expected: Write | None) -> Discrepancy:
        lacking = wrong is Wrong.STALE and expected is not None and expected.value != ABSENT
        shown = self._naming.show(place, expected) if lacking and expected is not None else ""
        return Discrepancy(wrong, place, self._look, sighting, expected, lacking=shown)

    def _gone(self, owned: Owned, row: Row, place: Place) -> Iterator[Discrepancy]:
        writes = owned.writes(row)
        if possible(writes, ABSENT, self._look):
            sure = [write for write in writes if write.acknowledged or write.told]
            self.undecided += not possible(sure, ABSENT, self._look)
            return
        self.checked += 1
        expected = missed(writes, self._look)
        value, since = row.seen
        was_there = expected is not None and value == expected.draw.seq
        suspect = self._holdings.reaching(place, since) if was_there else None
        lacking = "" if expected is None else self._naming.show(place, expected)
        seen = since if was_there else None
        yield Discrepancy(Wrong.GONE, place, self._look, None, expected, suspect, lacking, seen)
