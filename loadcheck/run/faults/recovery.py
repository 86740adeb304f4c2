"""Under which fault an exchange was, and how long the target took to recover from each."""

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from loadcheck.engine.events import Exchange
from loadcheck.judge.excuse import excused
from loadcheck.judge.verdict import Ruling, Verdict
from loadcheck.scenario.fault import Fault

GRACE_S: Final = 40.0
"""How long after its end a fault still excuses refusals, when no right answer comes before.

PostgREST waits for up to 32 s between two tries to connect again:
https://docs.postgrest.org/en/v12/references/connection_pool.html#automatic-recovery
"""

_SETTLING_S: Final = 1.0  # one right answer is not everybody's: other connections notice a little later
_UNAUTHORIZED: Final = 401  # PostgREST alone says so: it tells nothing of the rest
_KEPT: Final = 1_000  # windows that have passed; disputes are settled long before so many more have


@dataclass(slots=True, eq=False)
class Window:
    """One time that a fault happened, in seconds since the run's start.

    Attributes:
        fault: Index into the scenario's faults.
        nth: Which of that fault's windows it is, from 0.
        began: When it began.
        ended: When it was over; None as long as it is not.
        recovered: When the first right answer came to what was sent after that, refusals of tokens left out; None as
            long as none did.
    """

    fault: int
    nth: int
    began: float
    ended: float | None = None
    recovered: float | None = None

    def covers(self, exchange: Exchange) -> bool:
        """Whether an exchange was under way while the fault was on, or the target had not recovered."""
        return self.began <= exchange.done and exchange.sent <= self.excuses_until

    @property
    def excuses_until(self) -> float:
        """When what is sent must be answered again."""
        if self.ended is None:
            return math.inf
        if self.recovered is None:
            return self.ended + GRACE_S
        return min(max(self.recovered, self.ended + _SETTLING_S), self.ended + GRACE_S)


@dataclass(slots=True)
class Toll:
    """What a fault has done so far.

    Attributes:
        times: How often it happened.
        over: How often it was over before the load was.
        recoveries: How often a right answer came after that, within the grace.
        slowest: The longest that took, in seconds; None when it never happened.
        failures: How often it could not be made.
        failed: Why, the last time; empty when it always could.
    """

    times: int = 0
    over: int = 0
    recoveries: int = 0
    slowest: float | None = None
    failures: int = 0
    failed: str = ""


class Recovery:
    """Keeps the windows in which faults were on, and the tolls.

    Args:
        faults: The scenario's.
        recovered: Told of each recovery: the window.

    Attributes:
        tolls: One for each fault, in order.
    """

    def __init__(self, faults: list[Fault], recovered: Callable[[Window], None]) -> None:
        self._faults = faults
        self._recovered = recovered
        self.tolls = [Toll() for _ in faults]
        self._begun: Counter[int] = Counter()
        self._windows: deque[Window] = deque(maxlen=_KEPT)
        self._excusing_until = -math.inf
        self._awaiting: list[Window] = []

    @property
    def calm(self) -> bool:
        """Whether no fault of the target has happened so far, so that none has changed a right answer's verdict."""
        return not self._windows

    def on(self) -> int:
        """Return how many faults are on; safe to ask from another thread."""
        return sum(window.ended is None for window in list(self._windows))

    def begin(self, fault: int, now: float) -> Window:
        """Open a window."""
        window = Window(fault, self._begun[fault], now)
        self._begun[fault] += 1
        self._windows.append(window)
        self._look()
        return window

    def end(self, window: Window, now: float) -> None:
        """Take note that the fault is over, and wait for the target to recover."""
        window.ended = now
        self.tolls[window.fault].over += 1
        self._awaiting.append(window)
        self._look()

    def consider(self, exchange: Exchange, verdict: Verdict) -> Verdict:
        """Return the verdict as it is under the faults that were on during an exchange."""
        if self._awaiting and verdict.ruling is Ruling.OK and not _turned_away(exchange):
            self._recover(exchange)
        if exchange.sent > self._excusing_until:
            return verdict
        covering = [self._faults[one.fault] for one in reversed(self._windows) if one.covers(exchange)]
        told = [excused(exchange, verdict, fault) for fault in covering]
        # The latest gives its name, unless it is another one that excuses.
        return next((each for each in told if each.ruling is not verdict.ruling), next(iter(told), verdict))

    def heard(self, fault: int, nth: int, took: float) -> None:
        """Take another process's word for it that the target had recovered, so many seconds after a window's end."""
        for window in [one for one in self._awaiting if (one.fault, one.nth) == (fault, nth)]:
            self._heal(window, took)

    def _recover(self, exchange: Exchange) -> None:
        for window in [one for one in self._awaiting if one.ended is not None and exchange.sent >= one.ended]:
            self._heal(window, exchange.done - (window.ended or 0.0))

    def _heal(self, window: Window, took: float) -> None:
        self._awaiting.remove(window)
        window.recovered = (window.ended or 0.0) + took
        toll = self.tolls[window.fault]
        toll.recoveries += took <= GRACE_S
        toll.slowest = max(toll.slowest or 0.0, took)
        self._recovered(window)
        self._look()

    def _look(self) -> None:
        self._excusing_until = max(window.excuses_until for window in self._windows)


def _turned_away(exchange: Exchange) -> bool:
    return exchange.answer is not None and exchange.answer.status == _UNAUTHORIZED
