"""The other workers, as one of them can ask them: by way of the run's own process."""

import asyncio
from collections.abc import Sequence
from itertools import count

from loadcheck.run.judging.suspicion import Gone, Told
from loadcheck.run.workers.line import Line
from loadcheck.run.workers.messages import Question, Reply


class Colleagues:
    """Asks who may have removed rows.

    Args:
        line: Where the run hears the questions.
        worker: Who asks, from 1.
    """

    def __init__(self, line: Line, worker: int) -> None:
        self._line = line
        self._worker = worker
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Told]] = {}

    async def ask(self, rows: Sequence[Gone]) -> Told:
        """Return what the others tell of rows."""
        number = next(self._numbers)
        reply: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        self._line.send(Question(self._worker, number, rows))
        try:
            return await reply
        finally:
            del self._waiting[number]

    def hear(self, reply: Reply) -> None:
        """Take a reply; nobody waits any more for one that comes too late."""
        waiting = self._waiting.get(reply.number)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply.told)
