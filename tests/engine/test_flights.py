"""Whatever happens at the same moment, everything that is begun is told once."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadcheck.engine.events import Answer, Draw, Exchange, Lost
from loadcheck.engine.flights import Flights
from loadcheck.engine.messages import Headers, Message
from loadcheck.engine.transport import AwaitedTransport, Landed, LostAnswer, Sending, Transport
from tests.engine.virtual import VirtualClock, virtually

MESSAGE = Message("GET", "http://target/", Headers({}))
DRAW = Draw(0, 0, 0)


class Turns(AwaitedTransport):
    """Answers after so many turns of the event loop, or ends otherwise."""

    def __init__(self, turns: int, ends: Exception | None = None, *, cancelled: bool = False) -> None:
        self._turns = turns
        self._ends = ends
        self._cancelled = cancelled

    async def send(self, message: Message) -> Answer:
        for _ in range(self._turns):
            await asyncio.sleep(0)
        if self._cancelled:
            raise asyncio.CancelledError
        if self._ends is not None:
            raise self._ends
        now = VirtualClock().now()
        return Answer(200, {}, message.url.encode(), now, now)

    async def close(self) -> None:
        pass


def told(transport: Transport, abandoned_after: int | None = None) -> tuple[list[Exchange], list[Exception], int]:
    """Begin one flight, give it up after so many turns, and return what is told, what failed, and what is left."""
    exchanges: list[Exchange] = []
    problems: list[Exception] = []

    async def fly() -> int:
        flights = Flights(transport, VirtualClock(), exchanges.extend, problems.append)
        flights.begin(MESSAGE, DRAW, 0, 0.0)
        for turn in range(12):
            if turn == abandoned_after:
                asyncio.get_running_loop().call_soon(flights.abandon)
            await asyncio.sleep(0)
        return len(flights)

    left = virtually(fly())
    return exchanges, problems, left


@settings(deadline=None)
@given(st.integers(0, 6), st.integers(0, 6), st.sampled_from([None, Lost.DISCONNECTED]))
def test_what_ends_as_it_is_given_up_is_told_once(turns: int, abandoned: int, lost: Lost | None) -> None:
    exchanges, problems, left = told(Turns(turns, LostAnswer(lost) if lost else None), abandoned)
    assert [exchange.lost for exchange in exchanges] in [[lost], [Lost.INTERRUPTED]]
    assert (problems, left) == ([], 0)


def test_a_send_that_is_cancelled_from_inside_is_told_as_interrupted() -> None:
    exchanges, problems, left = told(Turns(1, cancelled=True))
    assert [exchange.lost for exchange in exchanges] == [Lost.INTERRUPTED]
    assert (problems, left) == ([], 0)


def test_a_defect_of_the_transport_is_told_beside_its_exchange() -> None:
    defect = KeyError("a defect")
    exchanges, problems, left = told(Turns(1, defect))
    assert [exchange.answer for exchange in exchanges] == [None]
    assert (problems, left) == ([defect], 0)


class Unable(Transport):
    def begin(self, message: Message, landed: Landed) -> Sending:
        raise ValueError(f"{message.url} cannot be encoded, {landed}")

    async def close(self) -> None:
        pass


def test_what_could_not_be_begun_is_not_under_way() -> None:
    flights = Flights(Unable(), VirtualClock(), print, print)

    async def fly() -> None:
        flights.start = VirtualClock().now()
        with pytest.raises(ValueError, match="encoded"):
            flights.begin(MESSAGE, DRAW, 0, 0.0)

    virtually(fly())
    assert len(flights) == 0
