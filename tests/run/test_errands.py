"""What workers ask of each other, where one of them does not answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from loadcheck.engine.events import Draw
from loadcheck.judge.holdings import Place
from loadcheck.judge.writes import Write
from loadcheck.run.faults.cold import ColdBackends
from loadcheck.run.faults.recovery import Recovery
from loadcheck.run.judging.suspicion import Gone, Told
from loadcheck.run.workers import errands
from loadcheck.run.workers.errands import Errands
from loadcheck.run.workers.hands import Hand, Hands, News
from loadcheck.run.workers.messages import Asked, Question, Reply
from loadcheck.scenario.writes import Does
from tests.cli.command import PATIENCE_S

ROWS = [Gone(Place("entries", "a", "1"), 1.0)]
DELETED = Write(Draw(7, 0, 7), Does.DELETE, 1.0)


@dataclass
class Worker:
    """Stands for the line to a worker: one that hangs is asked, and does not answer."""

    hangs: bool = False
    asked: list[int] = field(default_factory=list)
    replies: asyncio.Queue[Told] = field(default_factory=asyncio.Queue)
    hand: Hand = field(init=False)

    def send(self, message: object) -> None:
        if isinstance(message, Asked):
            self.asked.append(message.number)
            if not self.hangs:
                self.answer()
        elif isinstance(message, Reply):
            self.replies.put_nowait(message.told)

    def answer(self) -> None:
        self.hand.answered, self.hand.suspects = self.asked[-1], [DELETED]


@asynccontextmanager
async def crew(*workers: Worker) -> AsyncIterator[asyncio.Queue[News]]:
    change, news = asyncio.Condition(), asyncio.Queue[News]()
    for number, worker in enumerate(workers, 1):
        process, line = cast("Any", None), cast("Any", worker)
        worker.hand = Hand(number, process, line, change, news)
    hands = Hands([worker.hand for worker in workers], change, news)
    doing = asyncio.create_task(Errands(hands, Recovery([], lambda _: None), ColdBackends(None)).run())
    async with asyncio.timeout(PATIENCE_S):
        yield news
    doing.cancel()


async def test_one_that_hangs_is_waited_for_once_and_asked_again_when_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(errands, "_ANSWERING_S", 0)
    asking, other, hanging = Worker(), Worker(), Worker(hangs=True)
    silent = "worker 3 did not answer within 0 s"
    async with crew(asking, other, hanging) as news:
        for number in (1, 2):
            news.put_nowait(Question(1, number, ROWS))
            assert await asking.replies.get() == Told([DELETED], silent)
        assert (asking.asked, other.asked, hanging.asked) == ([], [1, 2], [1])
        hanging.hangs = False
        hanging.answer()
        news.put_nowait(Question(2, 1, ROWS))
        assert await other.replies.get() == Told([DELETED])
        assert (asking.asked, hanging.asked) == ([3], [1, 3])


async def test_one_that_was_killed_leaves_a_doubt_without_any_wait() -> None:
    asking, killed = Worker(), Worker()
    async with crew(asking, killed) as news:
        killed.hand.lost = "was killed (SIGKILL)"
        news.put_nowait(Question(1, 1, ROWS))
        assert await asking.replies.get() == Told([None], "worker 2 was killed (SIGKILL)")
    assert killed.asked == []
