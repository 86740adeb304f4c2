"""A worker: a process that carries out one share of a run, and reports to the run's own process.

`python -m loadcheck.run.workers.worker` takes its job from standard input and reports on standard output.
"""

import asyncio
import signal
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Self

import uvloop

from loadcheck.clock import Clock, SystemClock
from loadcheck.errors import ExitCode, LoadcheckError
from loadcheck.judge.findings import Finding, Findings
from loadcheck.judge.writes import Write
from loadcheck.record.folder import RunFolder
from loadcheck.record.history import History
from loadcheck.record.series import SeriesFile
from loadcheck.record.tally import Tally
from loadcheck.record.truth_book import Begun
from loadcheck.run.desk import Desk
from loadcheck.run.halt import Halt
from loadcheck.run.interruption import Interruption
from loadcheck.run.judging.audit import Audit
from loadcheck.run.judging.judging import Judging
from loadcheck.run.judging.suspicion import Gone, suspects
from loadcheck.run.load import Load
from loadcheck.run.observer import Gauges
from loadcheck.run.parts import Parts, put_together
from loadcheck.run.workers.colleagues import Colleagues
from loadcheck.run.workers.heard_faults import HeardFaults
from loadcheck.run.workers.line import Line, standard_line
from loadcheck.run.workers.messages import (
    Answered,
    Asked,
    Audited,
    Begin,
    Conclude,
    Cool,
    Enough,
    Failed,
    Finish,
    Finished,
    Job,
    Judged,
    Look,
    Mended,
    Reply,
    Report,
    Rotated,
    Settle,
    Stop,
    Strike,
    Waiting,
)
from loadcheck.run.workers.uses import Uses
from loadcheck.scenario.load import LoadedScenario
from loadcheck.scenario.thresholds import Thresholds

_GONE: Final = (asyncio.IncompleteReadError, OSError)
_BUG: Final = "This is a bug in loadcheck."


class _Deaf(Interruption):
    """Hears no signals: those of the terminal are for the run's own process, which says what to do."""

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        return self

    def __exit__(self, *_: object) -> None:
        """Stay deaf: the process ends."""


class _Quiet:
    """An observer that shows nothing: the run's own process does."""

    def __init__(self) -> None:
        self.gauges: Gauges | None = None

    def step(self, text: str) -> None:
        """Leave it out."""

    def started(self, tally: Tally, gauges: Gauges) -> None:  # noqa: ARG002 -- an observer is told both
        """Keep the gauges for the reports."""
        self.gauges = gauges

    def finding(self, finding: Finding) -> None:
        """Leave it to the next report."""

    def finished(self) -> None:
        """Do nothing."""


class _Gate:
    """Holds each phase back until all workers may begin it.

    Args:
        line: Where it tells that this one waits.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._change = asyncio.Event()
        self._opened = -1
        self._released = False

    async def wait(self, phase: int) -> None:
        """Wait until a phase may begin."""
        self._line.send(Waiting(phase))
        while self._opened < phase and not self._released:
            self._change.clear()
            await self._change.wait()

    def open(self, phase: int) -> None:
        """Let a phase begin."""
        self._opened = phase
        self._change.set()

    def release(self) -> None:
        """Hold nothing back any more."""
        self._released = True
        self._change.set()


@dataclass(slots=True)
class _Worker:
    """What has been counted, and who asks for it."""

    line: Line
    gate: _Gate
    desk: Desk
    judging: Judging
    uses: Uses
    load: Load
    faults: HeardFaults
    observer: _Quiet
    interruption: Interruption
    colleagues: Colleagues
    told: int = 0
    called: asyncio.Event = field(default_factory=asyncio.Event)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    dismissed: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self) -> None:
        """Follow the orders of the run, for as long as it runs; where there is no run any more, leave."""
        with suppress(*_GONE):
            while True:
                self._obey(await self.line.receive())
        self._stop()
        self._stop()
        self._dismiss()

    async def conclude(self) -> None:
        """Audit what was written when the run says so, and be there for the others until nobody asks any more."""
        await self._until(self.called)
        if not self.dismissed.is_set():
            ending = asyncio.create_task(self._end_audit())
            await self.load.conclude(self.interruption, audit=True)
            ending.cancel()
            self.line.send(Audited())
        await self._until(self.dismissed)

    def last_report(self) -> Report:
        """Tell all that was counted and found."""
        return self._report(self.desk.findings)

    def _report(self, findings: Findings | None) -> Report:
        desk, canaries, gauges = self.desk, self.judging.canaries, self.observer.gauges
        return Report(
            desk.tally,
            findings,
            canaries.planted,
            canaries.passed,
            self.uses.taken(),
            self.load.generator(),
            gauges.in_flight() if gauges is not None else 0,
            self.load.accounts(),
        )

    def _new_findings(self) -> Findings | None:
        before, self.told = self.told, len(self.desk.findings)
        return self.desk.findings if self.told > before else None

    def _obey(self, order: object) -> None:
        match order:
            case Begin(phase=phase):
                self.gate.open(phase)
            case Look():  # when what the order before has set off is done: a phase has begun by then
                asyncio.get_running_loop().call_soon(self._look)
            case Strike() | Rotated() | Mended() | Settle():
                self.faults.hear(order)
            case Stop():
                self._stop()
            case Asked(number=number, rows=rows):
                self.line.send(Answered(number, self._suspects(rows)))
            case Reply():
                self.colleagues.hear(order)
            case Conclude():
                self.called.set()
            case Enough():
                self.enough.set()
            case Finish():
                self._dismiss()

    def _look(self) -> None:
        self.line.send(self._report(self._new_findings()))

    def _suspects(self, rows: Sequence[Gone]) -> list[Write | None]:
        following = self.judging.following
        return suspects(following.holdings, rows, following.offset)

    async def _until(self, word: asyncio.Event) -> None:
        """Wait for a word of the run: no signal ends that."""

        async def spoken() -> None:
            await word.wait()

        while not word.is_set():
            await self.interruption.until_signal(spoken())

    async def _end_audit(self) -> None:
        """End the audit that has begun when the run has enough of it, which it may have had before."""
        await self.enough.wait()
        self.interruption.receive(ExitCode.INTERRUPTED)

    def _dismiss(self) -> None:
        self.called.set()
        self.dismissed.set()

    def _stop(self) -> None:
        self.interruption.receive(ExitCode.INTERRUPTED)
        self.gate.release()


async def work(job: Job, line: Line, clock: Clock) -> None:
    """Carry out a share of a run, and tell that it is finished.

    Raises:
        LoadcheckError: it could not begin, or could not be recorded.
    """
    observer, loaded = _Quiet(), _own(job.loaded, job.share.of)
    with _Deaf() as interruption:
        async with put_together(loaded, clock, observer, job.known) as parts:
            scenario = loaded.scenario
            faults = HeardFaults(scenario.faults, line, clock, job.seed, len(scenario.load))
            desk = _desk(job, loaded, parts, faults, observer)
            with desk.history, desk.series:
                worker = _worker(job, line, clock, parts, desk, faults, observer, interruption)
                orders = asyncio.create_task(worker.follow())
                await worker.load.run(observer, interruption)
                line.send(Judged(worker.last_report()))
                await worker.conclude()
                orders.cancel()
            line.send(Finished(worker.last_report(), desk.history.kept, desk.trail.beginning))
            await line.drained()


def _own(loaded: LoadedScenario, workers: int) -> LoadedScenario:
    """Return the scenario without what concerns the run as a whole, which its own process looks after."""
    limit = max(loaded.scenario.history_limit // workers, 1)
    change = {"thresholds": Thresholds(), "history_limit": limit, "stop_on_fail": False}
    return replace(loaded, scenario=loaded.scenario.model_copy(update=change))


def _desk(job: Job, loaded: LoadedScenario, parts: Parts, faults: HeardFaults, observer: _Quiet) -> Desk:
    scenario, prepared, context = loaded.scenario, parts.prepared, parts.context
    folder = RunFolder(job.folder, job.share.index + 1)
    lines = [loaded.place("requests", index).line for index in range(len(scenario.requests))]
    path, run, digests = str(loaded.path), context.run, context.digests
    begun = Begun(job.seed, job.started, path, lines, run, digests, context.straight, job.share)
    return Desk(
        prepared.population,
        parts.clockwatch,
        faults.recovery,
        Tally(scenario, prepared.population),
        Findings(),
        History(folder, scenario, prepared.population, prepared.expectations, begun),
        SeriesFile(folder.series),
        observer,
        Halt(observer, wanted=False),
    )


def _worker(  # noqa: PLR0913, PLR0917 -- what a load is made of
    job: Job,
    line: Line,
    clock: Clock,
    parts: Parts,
    desk: Desk,
    faults: HeardFaults,
    observer: _Quiet,
    interruption: Interruption,
) -> _Worker:
    judging, gate = Judging(parts.prepared, parts.context, clock, desk.deliver), _Gate(line)
    judging.coverage = uses = Uses(parts.prepared)
    audit = Audit(parts.prepared.scenario, judging.following, parts.auditing, clock, observer, desk.audited, job.share)
    load = Load(
        parts,
        judging,
        desk,
        faults,
        audit,
        seed=job.seed,
        clock=clock,
        renew=partial(_cool, line),
        share=job.share,
        gate=gate.wait,
    )
    colleagues = Colleagues(line, job.share.index + 1)
    judging.following.ask = colleagues.ask
    return _Worker(line, gate, desk, judging, uses, load, faults, observer, interruption, colleagues)


async def _cool(line: Line) -> None:
    """Ask the run for fresh backends: the stack is in its hands."""
    line.send(Cool())


def _failed(error: Exception) -> Failed:
    if isinstance(error, LoadcheckError):
        return Failed(error.message, error.advice, error.exit_code)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
    return Failed(f"internal error in a worker: {type(error).__name__} at {place}", _BUG, ExitCode.INTERNAL)


async def _main() -> None:
    line = await standard_line()
    job: Job = await line.receive()
    try:
        await work(job, line, SystemClock())
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 -- told by the run's own process
        line.send(_failed(error))
        with suppress(*_GONE):
            await line.drained()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
