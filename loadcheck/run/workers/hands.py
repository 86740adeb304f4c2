"""The worker processes of a run, and what each of them has told."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from loadcheck.errors import EnvironmentProblem, ExitCode, LoadcheckError
from loadcheck.judge.findings import Findings
from loadcheck.judge.writes import Write
from loadcheck.record.coverage import Use
from loadcheck.run.judging.suspicion import Gone
from loadcheck.run.workers.line import Line
from loadcheck.run.workers.messages import (
    Answered,
    Asked,
    Audited,
    Braced,
    Cool,
    Failed,
    Finished,
    Job,
    Judged,
    Look,
    Question,
    Recovered,
    Report,
    Waiting,
)
from loadcheck.tasks import ungrouped

_PROGRAM: Final = (sys.executable, "-m", "loadcheck.run.workers.worker")
_ADVICE: Final = "Is there enough memory for so many? Each worker holds all identities and their expected rows."
_GONE: Final = (asyncio.IncompleteReadError, OSError)

News: TypeAlias = Recovered | Cool | Question
"""What a worker tells that the run does something about."""


@dataclass(slots=True)
class Hand:
    """One worker, as the run sees it.

    Attributes:
        number: From 1.
        line: Where it is told what to do.
        report: Its last report; None before the first.
        looks: How many times it was asked for one.
        reports: How many of these times it has reported.
        uses: Those reported and not yet counted.
        findings: All that it found, as far as it was told.
        waiting: The phase that it waits for; after the last one, how many there are.
        braced: How many faults it knows to have begun, or to be about to.
        asked: The number of the last question that it was asked.
        answered: The number of the last question that it answered.
        suspects: Its answer.
        judged: Whether every exchange of its has its verdict.
        audited: Whether it has audited what it has written.
        finished: Its last words; None as long as it works, and where it ended before its time.
        lost: How it ended before its time; empty where it did not.
    """

    number: int
    process: asyncio.subprocess.Process
    line: Line
    change: asyncio.Condition
    news: asyncio.Queue[News]
    report: Report | None = None
    findings: Findings = field(default_factory=Findings)
    looks: int = 0
    reports: int = 0
    uses: list[tuple[int, Use]] = field(default_factory=list)
    waiting: int = -1
    braced: int = 0
    asked: int = 0
    answered: int = 0
    suspects: Sequence[Write | None] = ()
    judged: bool = False
    audited: bool = False
    finished: Finished | None = None
    lost: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.finished is not None or bool(self.lost)

    @property
    def answers(self) -> bool:
        """Whether it has answered all that it was asked."""
        return self.answered == self.asked

    def look(self) -> int:
        """Ask for a report; return how many were asked for by now."""
        self.looks += 1
        self.line.send(Look())
        return self.looks

    def ask(self, number: int, rows: Sequence[Gone]) -> None:
        """Ask who may have removed rows."""
        self.asked = number
        self.line.send(Asked(number, rows))

    def taken(self) -> list[tuple[int, Use]]:
        """Return the uses that were not taken before."""
        taken, self.uses = self.uses, []
        return taken

    async def listen(self) -> None:
        """Take what it tells until it ends, and tell of every change.

        Raises:
            LoadcheckError: it cannot go on.
        """
        try:
            while self.finished is None:
                self._take(await self.line.receive())
                async with self.change:
                    self.change.notify_all()
        except _GONE:
            self.lost = _how(await self.process.wait())
            async with self.change:
                self.change.notify_all()

    async def end(self) -> None:
        """End the process, whatever it is doing."""
        if self.process.returncode is None and self.finished is None:
            with suppress(ProcessLookupError):
                self.process.kill()
        self.line.close()
        await self.process.wait()

    def _take(self, message: object) -> None:
        match message:
            case Waiting(phase=phase):
                self.waiting = max(self.waiting, phase)  # one that stops ends its phases after it has said so
            case Braced():
                self.braced += 1
            case Recovered() | Cool() | Question():
                self.news.put_nowait(message)
            case Answered(number=number, suspects=suspects):
                self.answered, self.suspects = number, suspects
            case Report():
                self._report(message)
                self.reports += 1
            case Judged(report=report):
                self._report(report)
                self.judged = True
            case Audited():
                self.audited = True
            case Finished(report=report):
                self._report(report)
                self.finished = message
            case Failed(message=told, advice=advice, code=code):
                raise _problem(told, advice, code)

    def _report(self, report: Report) -> None:
        self.report = report
        self.uses += report.uses
        self.findings = report.findings or self.findings


@dataclass(frozen=True, slots=True)
class Hands:
    """All workers of a run.

    Attributes:
        hands: Them, in order.
        change: Notified whenever one of them has told something, or has ended.
        news: What they tell that the run does something about.
    """

    hands: Sequence[Hand]
    change: asyncio.Condition
    news: asyncio.Queue[News]

    @property
    def working(self) -> list[Hand]:
        """Those of whom more will come."""
        return [hand for hand in self.hands if not hand.over]

    def tell(self, order: object) -> None:
        """Tell all that are working."""
        for hand in self.working:
            hand.line.send(order)

    async def report(self) -> None:
        """Have all that are working report how things are: a report that was asked for before does not do."""
        wanted = {hand.number: hand.look() for hand in self.working}
        await self.until(lambda hand: hand.reports >= wanted[hand.number])

    async def until_lost(self) -> None:
        """Wait until one has ended before its time."""
        async with self.change:
            await self.change.wait_for(lambda: any(hand.lost for hand in self.hands))

    async def until(self, true: Callable[[Hand], bool]) -> None:
        """Wait until something is true of every one that is still working."""
        async with self.change:
            await self.change.wait_for(lambda: all(true(hand) for hand in self.working))


@asynccontextmanager
async def hired(jobs: Sequence[Job]) -> AsyncIterator[Hands]:
    """Yield workers that are ready to begin; none of them is left in the end.

    Raises:
        LoadcheckError: one of them cannot begin, or cannot go on.
    """
    change = asyncio.Condition()
    news: asyncio.Queue[News] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        hands = Hands([await _hire(job, change, news, stack) for job in jobs], change, news)
        with ungrouped():
            async with asyncio.TaskGroup() as tasks:
                listening = [tasks.create_task(hand.listen()) for hand in hands.hands]
                await hands.until(lambda hand: hand.waiting >= 0)
                for hand in hands.hands:
                    if hand.lost:
                        raise EnvironmentProblem(f"worker {hand.number} {hand.lost} before anything was sent", _ADVICE)
                yield hands
                for task in listening:
                    task.cancel()


async def _hire(job: Job, change: asyncio.Condition, news: asyncio.Queue[News], stack: AsyncExitStack) -> Hand:
    # In a session of its own: what is typed at the terminal is for the run alone.
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*_PROGRAM, stdin=pipe, stdout=pipe, start_new_session=True)
    if process.stdin is None or process.stdout is None:
        raise AssertionError("a process with pipes has them")
    hand = Hand(job.share.index + 1, process, Line(process.stdout, process.stdin), change, news)
    stack.push_async_callback(hand.end)
    hand.line.send(job)
    return hand


def _how(code: int) -> str:
    """Tell how a process ended that should not have."""
    return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended by itself ({code})"


def _problem(message: str, advice: str, code: ExitCode) -> LoadcheckError:
    problem = LoadcheckError(message, advice)
    problem.exit_code = code
    return problem
