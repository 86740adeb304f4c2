"""Writes to one row over time, and which of them may be what a look at the row finds.

A row is a register: its value is the write that made it, or that it is not there. Writes and looks take time, so a
value is possible unless a write that was acknowledged before the look began has overwritten it, and was sent after the
write of that value had ended. (Wing and Gong's linearizability of registers, weakened where writes overlap: each
order of overlapping writes is allowed, so a correct server is never blamed.)
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from loadcheck.engine.events import Answer, Draw
from loadcheck.judge.errors import code_of, is_outage
from loadcheck.scenario.writes import Does

ABSENT: Final = -1
"""The value of a row that is not there; any other value is the `seq` of the write that made it."""

_SUCCESS: Final = range(200, 300)
_REFUSAL: Final = frozenset(range(400, 500)) - {408}  # a gateway that gave up says nothing of the write

# Connection exceptions, and "statement completion unknown".
_COMPLETION_UNKNOWN: Final = ("08", "40003")


class Ended(StrEnum):
    """What came of a write."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Write:
    """One write, from its sending to its end.

    Attributes:
        draw: What was sent.
        does: What it does to the rows that it reaches.
        phase: Index into the scenario's load.
        sent: When it was sent, at the earliest.
        done: When it had ended, at the latest; infinite as long as it may still happen.
        acknowledged: Whether it surely happened.
        told: Whether it stands for a loss that was told: nobody sent it.
        status: Of its answer; 0 when there was none.
    """

    draw: Draw
    does: Does
    sent: float
    done: float = math.inf
    phase: int = 0
    acknowledged: bool = False
    told: bool = False
    status: int = 0

    @property
    def value(self) -> int:
        """What the row is after it."""
        return ABSENT if self.does is Does.DELETE else self.draw.seq

    def overwrites(self, value: int) -> bool:
        """Whether a row of this value has another one after it: an update needs a row, and an `ignore` none."""
        if self.does is Does.UPDATE:
            return value != ABSENT
        return value == ABSENT if self.does is Does.IGNORE else True


BEFORE: Final = Write(Draw(-1, 0, 0), Does.DELETE, -math.inf, -math.inf, acknowledged=True)
"""What every row was before the run: not there."""


@dataclass(frozen=True, slots=True)
class Look:
    """When rows were looked at: at some moment between these two."""

    sent: float
    done: float


def possible(writes: Sequence[Write], value: int, look: Look) -> bool:
    """Whether a look may find a row with this value."""
    return any(
        write.value == value and write.sent <= look.done and not _overwritten(write, writes, look.sent)
        for write in writes
    )


def remaining(writes: Sequence[Write], horizon: float) -> list[Write]:
    """Return the writes that looks from the horizon on may still find, or that may overwrite what they find."""
    return [write for write in writes if not _overwritten(write, writes, horizon)]


def idle(write: Write, others: Sequence[Write]) -> bool:
    """Whether a write that was acknowledged surely changed nothing: the row that it needs, or avoids, was not so."""
    meanwhile = Look(write.sent, write.done)
    if not write.acknowledged:
        return False
    if write.does is Does.IGNORE:
        return not possible(others, ABSENT, meanwhile)
    present = {other.value for other in others} - {ABSENT}
    return write.does is Does.UPDATE and not any(possible(others, value, meanwhile) for value in present)


def missed(writes: Iterable[Write], look: Look) -> Write | None:
    """Return the write that a look should have found: the last one acknowledged before it; None when none was."""
    before = (write for write in writes if write.acknowledged and write.done <= look.sent and write is not BEFORE)
    return max(before, key=lambda write: write.done, default=None)


def ended(answer: Answer | None) -> Ended:
    """Tell what came of a write from its answer."""
    if answer is None:
        return Ended.UNKNOWN
    if answer.status in _SUCCESS:
        # https://docs.postgrest.org/en/v12/references/api/preferences.html#transaction-end-preference
        undone = "tx=rollback" in answer.headers.get("preference-applied", "")
        return Ended.REFUSED if undone else Ended.ACKNOWLEDGED
    # Without a code nobody said that the transaction was rolled back: so PostgREST answers when its connection breaks.
    code = code_of(answer) if answer.status in _REFUSAL else ""
    doubtful = not code or code.startswith(_COMPLETION_UNKNOWN) or is_outage(answer)
    return Ended.UNKNOWN if doubtful else Ended.REFUSED


def _overwritten(write: Write, writes: Iterable[Write], before: float) -> bool:
    return any(
        other.acknowledged and write.done <= other.sent and other.done <= before and other.overwrites(write.value)
        for other in writes
        if other is not write
    )
