"""Who may have removed a row: known of this process's own writes, and asked of the others that write."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from loadcheck.judge.holdings import Holdings, Place
from loadcheck.judge.inspection import Discrepancy
from loadcheck.judge.writes import Write


@dataclass(frozen=True, slots=True)
class Gone:
    """A row that somebody has seen, and that is not there any more.

    Attributes:
        since: When it was last seen, in seconds since the run's start.
    """

    place: Place
    since: float


@dataclass(frozen=True, slots=True)
class Told:
    """What the others tell of rows.

    Attributes:
        suspects: Of each row the last write of theirs that may have removed it.
        doubt: Why not all of them could be asked; empty when they were.
    """

    suspects: Sequence[Write | None]
    doubt: str = ""


Ask: TypeAlias = Callable[[Sequence[Gone]], Awaitable[Told]]
"""Asks all others about rows."""


async def no_others(rows: Sequence[Gone]) -> Told:
    """Suspect nobody: this process is the only one that writes."""
    return Told([None] * len(rows))


async def suspected(found: Sequence[Discrepancy], offset: float, ask: Ask) -> list[Discrepancy]:
    """Return what was found, with whom the others suspect where nobody of this process is, or why that is not known.

    Args:
        found: What is wrong.
        offset: What this process's clock shows when the run's own time is 0.
        ask: Asks the others.
    """
    gone = {
        index: Gone(each.place, each.seen - offset)
        for index, each in enumerate(found)
        if each.seen is not None and each.suspect is None
    }
    if not gone:
        return list(found)
    told = await ask(list(gone.values()))
    named = {
        index: replace(found[index], suspect=suspect, doubt="" if suspect else told.doubt)
        for index, suspect in zip(gone, told.suspects, strict=True)
    }
    return [named.get(index, each) for index, each in enumerate(found)]


def suspects(holdings: Holdings, rows: Sequence[Gone], offset: float) -> list[Write | None]:
    """Return of each row the last write of this process that may have removed it, its times those of the run."""
    writes = (holdings.reaching(row.place, row.since + offset) for row in rows)
    return [write and replace(write, sent=write.sent - offset, done=write.done - offset) for write in writes]


def last_of(told: Sequence[Sequence[Write | None]]) -> list[Write | None]:
    """Return for each row the last of what several processes have told."""
    rows = ([write for write in row if write is not None] for row in zip(*told, strict=True))
    return [max(writes, key=lambda write: write.sent, default=None) for writes in rows]
