"""The transport: how one message travels and its one answer comes back."""

from collections.abc import Coroutine
from typing import Any, Protocol

from loadcheck.engine.events import Answer, Lost
from loadcheck.engine.messages import Message


class LostAnswer(Exception):
    """There is no whole answer, and nobody knows whether the target acted on the message."""

    def __init__(self, lost: Lost) -> None:
        super().__init__(str(lost))
        self.lost = lost


class Transport(Protocol):
    """Carries messages to the target. One send is one send: what is lost is never sent again."""

    def send(self, message: Message) -> Coroutine[Any, Any, Answer]:
        """Send a message and return its whole answer.

        A cancelled send closes its connection, so that a late answer is never read as another's.

        Raises:
            LostAnswer: no whole answer came, for the reason it carries. Nothing else is raised.
        """
        ...

    async def close(self) -> None:
        """Close every connection; idempotent."""
        ...
