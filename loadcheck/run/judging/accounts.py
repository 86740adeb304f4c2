"""What came of the writes of a run, counted up over the processes that sent them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Self

from loadcheck.engine.events import Exchange
from loadcheck.judge.writes import Ended


@dataclass(slots=True)
class Accounts:
    """What came of the writes of one process, or of several together.

    Attributes:
        counts: How many writes ended how.
        audits: How many audits there were.
        rows: How many rows the last one has held against the model.
        undecided: How many more it did not find, which only writes whose answers were lost can have removed.
        wrong: How many rows were not as they should be.
        lost: Which writes were told not to be where they belong, by their `seq`.
        unanswered: By table, how many writes may still make a row: nothing has told what came of them.
        last: By table, the last write, and whether it reached more than one row; one that did comes before any other.
        doubts: Why the tables could not be audited to the end.
    """

    counts: Counter[Ended] = field(default_factory=Counter)
    audits: int = 0
    rows: int = 0
    undecided: int = 0
    wrong: int = 0
    lost: set[int] = field(default_factory=set)
    unanswered: Counter[str] = field(default_factory=Counter)
    last: dict[str, tuple[bool, Exchange]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Add up the accounts of several processes. One audit of the run is one by each of them."""
        return cls(
            counts=sum((part.counts for part in parts), Counter()),
            audits=min((part.audits for part in parts), default=0),
            rows=sum(part.rows for part in parts),
            undecided=sum(part.undecided for part in parts),
            wrong=sum(part.wrong for part in parts),
            lost=set().union(*(part.lost for part in parts)),
            unanswered=sum((part.unanswered for part in parts), Counter()),
            last={
                table: _last(table, parts) for table in dict.fromkeys(chain.from_iterable(each.last for each in parts))
            },
            doubts=list(dict.fromkeys(chain.from_iterable(part.doubts for part in parts))),
        )

    @property
    def accounted(self) -> int:
        """How many of the acknowledged writes are there, or were replaced or deleted by a later one."""
        open_ones = self.undecided + len(self.lost)
        return self.counts[Ended.ACKNOWLEDGED] - open_ones if self.audits and not self.doubts else 0


def _last(table: str, parts: Sequence[Accounts]) -> tuple[bool, Exchange]:
    return max((part.last[table] for part in parts if table in part.last), key=lambda one: (one[0], one[1].sent))
