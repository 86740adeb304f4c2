"""The trail: which exchanges came last, so that what led to a finding can be told after the run."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from loadcheck.engine.events import Draw, Exchange
from loadcheck.judge.stamp import stamp_in
from loadcheck.oracle.stamp import HEADER

_KEPT: Final = 4_000  # a wrong answer may be looked at again as late as so many exchanges after it came
_BEGINNING: Final = 400
_BEFORE: Final = 300
_ON_BACKEND: Final = 64


@dataclass(frozen=True, slots=True)
class Led:
    """What led to a finding, each in the order of sending and with the finding's own exchange last.

    Attributes:
        backend: What its backend was used for; empty where no stamp tells which that was.
        anywhere: All exchanges.
    """

    backend: tuple[Draw, ...] = ()
    anywhere: tuple[Draw, ...] = ()


_Step = tuple[Draw, float, str]
"""A draw, when it was sent, and the stamp on its answer."""


class Trail:
    """Remembers the latest exchanges, in memory that does not grow with the run."""

    def __init__(self) -> None:
        self._recent: deque[_Step] = deque(maxlen=_KEPT)
        self._beginning: list[Draw] = []

    @property
    def beginning(self) -> tuple[Draw, ...]:
        """The first exchanges of the run, in the order of their ends."""
        return tuple(self._beginning)

    def begin_with(self, draws: Iterable[Draw]) -> None:
        """Take these for the exchanges with which the run goes on in its beginning: others have seen it."""
        self._beginning = list(islice(chain(self._beginning, draws), _BEGINNING))

    def add(self, *exchanges: Exchange) -> None:
        """Remember exchanges as they end."""
        self._recent.extend([(exchange.draw, exchange.sent, _stamp_text(exchange)) for exchange in exchanges])
        if (room := _BEGINNING - len(self._beginning)) > 0:
            self._beginning += [exchange.draw for exchange in exchanges[:room]]

    def stamped(self, request: int) -> bool:
        """Whether one of the latest answers to this request had a stamp."""
        return any(stamp and draw.request == request for draw, _, stamp in self._recent)

    def led_to(self, exchange: Exchange) -> Led:
        """Return what led to an exchange that has ended."""
        sent = exchange.sent
        earlier = [(at, draw.seq, draw) for draw, at, _ in self._recent if at <= sent]
        anywhere = [draw for _, seq, draw in sorted(earlier) if seq != exchange.draw.seq]
        return Led(self._on_backend(exchange), (*anywhere[-_BEFORE:], exchange.draw))

    def _on_backend(self, exchange: Exchange) -> tuple[Draw, ...]:
        mine = stamp_in(_stamp_text(exchange))
        if mine is None:
            return ()
        stamped = [(stamp, draw) for draw, _, text in self._recent if (stamp := stamp_in(text)) is not None]
        uses = [
            (stamp.at, draw.seq, draw)
            for stamp, draw in stamped
            if (stamp.server, stamp.pid) == (mine.server, mine.pid)
        ]
        earlier = [draw for at, _, draw in sorted(uses) if at < mine.at]
        return (*earlier[-_ON_BACKEND:], exchange.draw)


def _stamp_text(exchange: Exchange) -> str:
    return "" if exchange.answer is None else exchange.answer.headers.get(HEADER, "")
