"""The transport: how one message travels and its one answer comes back."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Protocol

from loadcheck.engine.events import Answer, Lost
from loadcheck.engine.messages import Message
from loadcheck.engine.obstacles import Obstacle


class LostAnswer(Exception):
    """There is no whole answer, and nobody knows whether the target acted on the message.

    Attributes:
        lost: Why there is none.
        obstacle: What kept a connection from being made; None where one was, or nobody waited for it to the end.
    """

    def __init__(self, lost: Lost, obstacle: Obstacle | None = None) -> None:
        super().__init__(str(lost))
        self.lost = lost
        self.obstacle = obstacle


Landed = Callable[[Answer | Exception], None]
"""Called with a whole answer, or with the `LostAnswer` that tells why there is none; any other error is a defect."""


class Sending(Protocol):
    """A message under way."""

    def abort(self) -> None:
        """Give it up: its connection is closed, so that a late answer is never read as another's. Nobody is told."""
        ...


class Transport(Protocol):
    """Carries messages to the target. One send is one send: what is lost is never sent again."""

    @abstractmethod
    def begin(self, message: Message, landed: Landed) -> Sending:
        """Send a message; what comes of it is told once, at some time after this has returned."""
        ...

    async def send(self, message: Message) -> Answer:
        """Send a message and return its whole answer; cancelling gives it up.

        Raises:
            LostAnswer: no whole answer came, for the reason it carries. Nothing else is raised.
        """
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def landed(came: Answer | Exception) -> None:
            if answered.done():
                return
            if isinstance(came, Answer):
                answered.set_result(came)
            else:
                answered.set_exception(came)

        sending = self.begin(message, landed)
        try:
            return await answered
        except asyncio.CancelledError:
            sending.abort()
            raise

    @abstractmethod
    async def close(self) -> None:
        """Close every connection; idempotent. Nobody is told what comes of messages that are under way."""
        ...


class AwaitedTransport(Transport, Protocol):
    """A transport that has to be waited for: each message under way is a task. Cancelling it closes its connection."""

    @abstractmethod
    async def send(self, message: Message) -> Answer:
        """Do what `Transport.send` does."""
        ...

    def begin(self, message: Message, landed: Landed) -> Sending:
        """Do what `Transport.begin` does."""
        return _Awaited(asyncio.ensure_future(self.send(message)), landed)


class _Awaited:
    def __init__(self, task: asyncio.Future[Answer], landed: Landed) -> None:
        self._task = task
        self._landed: Landed | None = landed
        task.add_done_callback(self._done)

    def abort(self) -> None:
        self._landed = None  # the task may have ended, and be about to tell
        self._task.cancel()

    def _done(self, task: asyncio.Future[Answer]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._landed is None:
            return
        if isinstance(error, Exception):
            self._landed(error)
        else:
            self._landed(LostAnswer(Lost.INTERRUPTED) if task.cancelled() else task.result())
