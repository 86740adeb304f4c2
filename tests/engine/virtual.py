"""An event loop whose time jumps to whatever is due next: hours of load in no time, and exact to the last digit."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from loadcheck.engine.events import Answer, Lost
from loadcheck.engine.messages import Message
from loadcheck.engine.transport import AwaitedTransport, LostAnswer

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing will ever happen again"
        self.time += max(0.0, timeout)
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.time


class VirtualClock:
    """The loop's time as a Clock, with an offset as real clocks have."""

    def now(self) -> float:
        return asyncio.get_running_loop().time() + 1000

    def wall(self) -> float:
        return self.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class Scripted(AwaitedTransport):
    """A transport that answers after as long as the script says, or loses the answer."""

    def __init__(self, script: Callable[[Message], float | Lost]) -> None:
        self._script = script
        self.in_flight = 0
        self.most_in_flight = 0

    async def send(self, message: Message) -> Answer:
        sent = VirtualClock().now()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            happens = self._script(message)
            if isinstance(happens, Lost):
                await asyncio.sleep(0)
                raise LostAnswer(happens)
            await asyncio.sleep(happens)
        finally:
            self.in_flight -= 1
        return Answer(200, {}, message.url.encode(), sent, VirtualClock().now())

    async def close(self) -> None:
        pass


def virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(coroutine)
