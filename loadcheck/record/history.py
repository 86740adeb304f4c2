"""The history of a run: one line an exchange, on disk within a second and readable after a crash."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, Self

from loadcheck.engine.events import Exchange, PhaseEnded, PhaseStarted
from loadcheck.errors import EnvironmentProblem
from loadcheck.identity.population import Identity
from loadcheck.judge.grounds import Grounds
from loadcheck.judge.verdict import Ruling, Verdict
from loadcheck.oracle.expectation import Expectations
from loadcheck.record.chunk_file import ChunkFile, unwritable
from loadcheck.record.folder import RunFolder
from loadcheck.record.lines import Lines
from loadcheck.record.sampling import Sampling
from loadcheck.record.stored import StoredKept
from loadcheck.record.truth_book import Begun, TruthBook
from loadcheck.scenario.model import Scenario

_WAITING: Final = 20_000  # exchanges between the run and the writer; beyond, the run waits rather than lose one
_WAITING_BYTES: Final = 64 << 20  # of their answers' bodies, or one body of any length
_LOOK_SECONDS: Final = 0.05
_FLUSH_SECONDS: Final = 0.5

_Waiting = tuple[Exchange, tuple[Verdict, Grounds]] | tuple[PhaseStarted | PhaseEnded, int]


class History:
    """Writes a run's exchanges to its folder, in a thread of its own: the run only hands them over.

    What reached the file after a second at most stays readable whatever happens to the process.

    Args:
        folder: The run's; it must not hold a history yet.
        scenario: What is run.
        population: Its identities.
        expectations: What it expects of them.
        begun: What else is known of the run.

    Raises:
        EnvironmentProblem: the files cannot be made.
    """

    def __init__(
        self,
        folder: RunFolder,
        scenario: Scenario,
        population: Sequence[Identity],
        expectations: Expectations,
        begun: Begun,
    ) -> None:
        self._left_out = 0
        self._population = population
        self._waiting: deque[_Waiting] = deque()
        self._given = 0  # bytes of bodies; this and the next are each written by one thread alone
        self._taken = 0
        self._flushed = time.monotonic()
        self._closing = threading.Event()
        self._closed = False
        self._problem: Exception | None = None
        self._sampling = Sampling(scenario.history_limit)
        self._file, truths = ChunkFile(folder.history), ChunkFile(folder.truths)
        self._truths = truths
        self._book = TruthBook(truths, scenario, population, expectations, begun)
        self._lines = Lines(scenario, population, expectations, self._book)
        self._thread = threading.Thread(target=self._write, name="loadcheck history", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self.close()
        except EnvironmentProblem:
            if kind is None:  # what already ended the run is the better message
                raise

    @property
    def kept(self) -> StoredKept:
        """What was kept, once it is closed; violations and unknowns always are."""
        return {"lines": self._file.lines, "left_out": self._left_out, "share": self._sampling.share}

    def add(self, exchange: Exchange, verdict: Verdict, grounds: Grounds) -> None:
        """Append one exchange.

        Raises:
            EnvironmentProblem: an earlier one could not be written.
        """
        if exchange.answer is not None:
            self._given += len(exchange.answer.body)
        self._hand_over((exchange, (verdict, grounds)))

    def phase(self, event: PhaseStarted | PhaseEnded, missed: int = 0) -> None:
        """Append that a phase began, or ended having missed so many arrivals.

        Raises:
            EnvironmentProblem: an earlier exchange could not be written.
        """
        self._hand_over((event, missed))

    def close(self) -> None:
        """Write what is waiting and close the files; closing again does nothing.

        Raises:
            EnvironmentProblem: not everything could be written.
        """
        if not self._closed:
            self._closed = True
            self._closing.set()
            self._thread.join()
        self._raise_problem()

    def _hand_over(self, one: _Waiting) -> None:
        self._raise_problem()
        self._waiting.append(one)
        while len(self._waiting) > _WAITING or self._given - self._taken > _WAITING_BYTES:
            time.sleep(_LOOK_SECONDS / 10)
            self._raise_problem()
            if not self._waiting:
                return

    def _write(self) -> None:
        try:
            self._book.begin()
            while not self._closing.wait(_LOOK_SECONDS):
                self._drain()
            self._drain()
            self._truths.close()
            self._file.close()
        except Exception as error:  # noqa: BLE001 -- raised in the run's own thread, by its next call
            self._problem = error
            self._waiting.clear()
            for file in (self._truths, self._file):
                file.abandon()

    def _drain(self) -> None:
        while self._waiting:
            self._take(*self._waiting.popleft())
            self._flush_if_due()
        self._flush_if_due()

    def _take(self, event: Exchange | PhaseStarted | PhaseEnded, judged: tuple[Verdict, Grounds] | int) -> None:
        match event, judged:
            case Exchange(), (verdict, grounds):
                self._take_exchange(event, verdict, grounds)
            case PhaseStarted(), _:
                self._book.phase_started(event)
            case PhaseEnded(), int(missed):
                self._book.phase_ended(event, missed)

    def _take_exchange(self, exchange: Exchange, verdict: Verdict, grounds: Grounds) -> None:
        if verdict.ruling is not Ruling.OK or self._sampling.keeps(self._population[exchange.draw.identity].label):
            self._file.add(self._lines.encode(exchange, verdict, grounds))
        else:
            self._left_out += 1
        if exchange.answer is not None:
            self._taken += len(exchange.answer.body)

    def _flush_if_due(self) -> None:
        now = time.monotonic()
        if now - self._flushed >= _FLUSH_SECONDS or self._file.full or self._truths.full:
            self._flush()
            self._flushed = now

    def _flush(self) -> None:
        """Write what waits; truths first, so that nothing on disk refers to what is not."""
        self._truths.flush()
        self._file.flush()
        if self._sampling.grown(self._file.size + self._truths.size):
            self._book.kept(self._sampling.share)

    def _raise_problem(self) -> None:
        if isinstance(self._problem, OSError):
            raise unwritable(self._file.path, self._problem)
        if self._problem is not None:
            raise self._problem
