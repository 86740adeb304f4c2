"""Exchanges under way: begun at once, and told together when they have ended."""

import asyncio
from collections.abc import Callable, Sequence

from loadcheck.clock import Clock
from loadcheck.engine.events import Answer, Draw, Exchange, Lost
from loadcheck.engine.messages import Message
from loadcheck.engine.transport import LostAnswer, Sending, Transport


class Flights:
    """Begins exchanges, and hands them on in groups: all that landed in one turn of the event loop, in the next.

    So the answers that are there are read, and their times taken, before anything is made of them.

    Args:
        transport: Carries the messages.
        clock: Times whatever has no answer.
        landed: Called with exchanges that have ended, in the order of their ends.
        failed: Called with what the transport raised beside lost answers.

    Attributes:
        start: What the clock showed at the run's start, which is time 0 of all exchanges.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        landed: Callable[[Sequence[Exchange]], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._transport = transport
        self._clock_now = clock.now
        self._landed = landed
        self._failed = failed
        self._air: set[_Flight] = set()
        self._waiting: list[Exchange] = []
        self.start = 0.0

    def __len__(self) -> int:
        """Return how many are sent and not yet done."""
        return len(self._air)

    def now(self) -> float:
        """Return the seconds since the run's start."""
        return self._clock_now() - self.start

    def begin(self, message: Message, draw: Draw, phase: int, intended: float) -> None:
        """Send the message of a draw; it is given up when the draw's patience ends."""
        exchange = Exchange(draw, phase, intended, self._clock_now() - self.start, 0.0, None, Lost.INTERRUPTED)
        flight = _Flight(exchange, self._land)
        flight.sending = self._transport.begin(message, flight.land)
        self._air.add(flight)
        if draw.patience is not None:
            loop = asyncio.get_running_loop()
            flight.timer = loop.call_later(draw.patience, self._give_up, flight, Lost.GIVEN_UP)

    def abandon(self) -> None:
        """Give up all that is under way: it is told as interrupted."""
        for flight in list(self._air):
            self._give_up(flight, Lost.INTERRUPTED)

    def hand_on(self) -> None:
        """Hand on what has landed; nothing where that was done already."""
        if self._waiting:
            landed, self._waiting = self._waiting, []
            self._landed(landed)

    def _give_up(self, flight: "_Flight", lost: Lost) -> None:
        if flight.sending is not None:
            flight.sending.abort()
            self._land(flight, LostAnswer(lost))

    def _land(self, flight: "_Flight", came: Answer | Exception) -> None:
        self._air.discard(flight)
        exchange, flight.sending = flight.exchange, None  # which knows the flight: the two would keep each other alive
        if flight.timer is not None:
            flight.timer.cancel()
        if isinstance(came, Answer):
            exchange.answer, exchange.lost = came, None
            exchange.sent, exchange.done = came.sent - self.start, came.done - self.start
        else:
            exchange.done = self.now()
            if isinstance(came, LostAnswer):
                exchange.lost = came.lost
            else:
                self._failed(came)
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.hand_on)
        self._waiting.append(exchange)


class _Flight:
    """An exchange, what carries it, and what ends it when its caller's patience does."""

    __slots__ = ("_landed", "exchange", "sending", "timer")

    def __init__(self, exchange: Exchange, landed: "Callable[[_Flight, Answer | Exception], None]") -> None:
        self.exchange = exchange
        self.sending: Sending | None = None
        self.timer: asyncio.TimerHandle | None = None
        self._landed = landed

    def land(self, came: Answer | Exception) -> None:
        self._landed(self, came)
