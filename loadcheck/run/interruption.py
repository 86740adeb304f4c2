"""Ctrl-C and SIGTERM: the first lets a run end in order, the second leaves at once."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self

from loadcheck.errors import ExitCode

_CODES: Final = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class Interruption:
    """Handles the signals for as long as it is entered, inside a running event loop.

    Until `soften` is called there is nothing to end in order, and the first signal cancels the task that entered.

    Attributes:
        code: What the first signal has the process exit with; None as long as there was none.
    """

    def __init__(self) -> None:
        self.code: ExitCode | None = None
        self._gentle: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number, code in _CODES.items():
            loop.add_signal_handler(number, self.receive, code)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in _CODES:
            loop.remove_signal_handler(number)

    def soften(self, stop: Callable[[], None]) -> None:
        """Have the first signal call `stop`, and only the second one cancel."""
        self._gentle = stop

    def spare(self) -> None:
        """Have the next signal end nothing, for what is left takes a moment; only the one after that cancels."""
        self._gentle = _nothing

    async def until_signal(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do what the next signal ends, and nothing but that: what was reached before must not be lost with it.

        Returns:
            Whether it came to its end.
        """
        task = asyncio.ensure_future(work)

        def give_up() -> None:
            self.spare()
            task.cancel()

        self.soften(give_up)
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            self.spare()
        if task.cancelled():
            return False
        task.result()
        return True

    def forgive(self) -> None:
        """Take back the cancelling of the second signal, so that what was found can be written down.

        Raises:
            asyncio.CancelledError: it was not a signal that cancelled.
        """
        if self.code is None or self._task is None:
            raise asyncio.CancelledError
        self._task.uncancel()

    def receive(self, code: ExitCode) -> None:
        """Take a signal that the process exits with this code for."""
        self.code = self.code or code
        gentle, self._gentle = self._gentle, None
        if gentle is not None:
            gentle()
        elif self._task is not None:
            self._task.cancel()


def _nothing() -> None:
    """End nothing."""
