"""Transactions seen before: PostgREST answers one request in one transaction, so no two answers show the same one.

A backend needs several round trips for each transaction, and its transaction times only grow; so a backend and a time
(https://www.postgresql.org/docs/current/functions-datetime.html) name one transaction. Seen twice, an answer was kept
and given out again, or two requests ran inside one transaction.
"""

from collections import OrderedDict
from typing import Final

from loadcheck.engine.events import Draw
from loadcheck.judge.stamp import Earlier, Stamp

# About 4 MB. What a cache gives out later than this is still told by its nonce.
_REMEMBERED: Final = 10_000
# More than a PostgreSQL ever has at once: one that was silent longer than so many others has ended.
_BACKENDS_KEPT: Final = 1_024
# Answers of one transaction are read nearly together. Much later, its time may have come again: clocks are set back.
_TOGETHER: Final = 8
# A clock that ticks in whole milliseconds gives two transactions one time.
_TICK_US: Final = 1_000

_Backend = tuple[int, int]
"""Server and pid."""

_Answered = tuple[Stamp, Draw, int]
"""The stamp and the draw that a transaction answered first, and the how many-th it was of its backend."""


class Transactions:
    """Remembers the last transactions of a run, each with the exchange that it answered first."""

    def __init__(self) -> None:
        self._answered: OrderedDict[tuple[int, int, int], _Answered] = OrderedDict()
        self._turns: OrderedDict[_Backend, int] = OrderedDict()

    def earlier(self, stamp: Stamp, draw: Draw) -> Earlier | None:
        """Return whom a transaction answered before; None when it is new, and remember it.

        Args:
            stamp: The stamp on an answer.
            draw: What was asked.
        """
        if stamp.at % _TICK_US == 0:
            return None
        turn, key = self._turn((stamp.server, stamp.pid)), (stamp.server, stamp.pid, stamp.at)
        answered = self._answered.get(key)
        if answered is None:
            self._answered[key] = stamp, draw, turn
            if len(self._answered) > _REMEMBERED:
                self._answered.popitem(last=False)
            return None
        first, asked, before = answered
        if asked.seq == draw.seq:
            return None
        source = None if asked.identity == draw.identity else asked.identity
        return Earlier(first, source, together=turn - before <= _TOGETHER)

    def _turn(self, backend: _Backend) -> int:
        """Return the how many-th answer of its backend this is."""
        turn = self._turns[backend] = self._turns.get(backend, 0) + 1
        self._turns.move_to_end(backend)
        if len(self._turns) > _BACKENDS_KEPT:
            self._turns.popitem(last=False)
        return turn
