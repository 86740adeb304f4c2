"""The history of a run: one line an exchange, on disk within a second and readable after a crash."""

import threading
import time
from collections.abc import Sequence
from typing import Final, Self

from loadcheck.engine.events import Exchange, PhaseEnded, PhaseStarted
from loadcheck.errors import EnvironmentProblem
from loadcheck.identity.population import Identity
from loadcheck.judge.grounds import NO_GROUNDS, Grounds, Judged
from loadcheck.judge.verdict import Ruling, Verdict
from loadcheck.oracle.expectation import Expectations
from loadcheck.record.chunk_file import ChunkFile, unwritable
from loadcheck.record.folder import RunFolder
from loadcheck.record.lines import Lines
from loadcheck.record.sampling import Sampling
from loadcheck.record.stored import StoredKept
from loadcheck.record.truth_book import Begun, TruthBook
from loadcheck.scenario.model import Scenario

_WAITING_BYTES: Final = 32 << 20  # between the run and the writer; beyond, the run waits rather than lose a line
_LOOK_SECONDS: Final = 0.05
_FLUSH_SECONDS: Final = 0.5


class History:
    """Writes a run's exchanges to its folder: a thread of its own compresses the lines and waits for the disk.

    The lines themselves are made at once. Beside the run, the making would take the interpreter's lock from it for
    milliseconds at a time, and that would be measured as the target's.

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
        self._flushed = time.monotonic()
        self._closing = threading.Event()
        self._closed = False
        self._problem: Exception | None = None
        self._sampling = Sampling(scenario.history_limit)
        self._size = 0
        self._file, self._truths = ChunkFile(folder.history), ChunkFile(folder.truths)
        self._book = TruthBook(self._truths, scenario, population, expectations, begun)
        self._lines = Lines(scenario, population, expectations, self._book)
        self._book.begin()
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
        """Append one exchange; raises what `add_all` does."""
        self.add_all([(exchange, verdict, grounds)])

    def add_all(self, judged: Sequence[Judged]) -> None:
        """Append exchanges.

        Raises:
            EnvironmentProblem: an earlier one could not be written.
        """
        if self._problem is not None or self._size != self._file.size or self._file.waiting > _WAITING_BYTES:
            self._keep_up()
        kept = judged if self._sampling.share == 1 else [one for one in judged if self._keeps(*one)]
        self._left_out += len(judged) - len(kept)
        if kept:
            self._file.add(self._lines.encode(kept))

    def audited(self, exchange: Exchange, verdict: Verdict) -> None:
        """Keep a violation that no exchange shows: an audit has found it.

        Raises:
            EnvironmentProblem: an earlier exchange could not be written.
        """
        self._keep_up()
        self._book.audited(self._file.lines, self._lines.encode([(exchange, verdict, NO_GROUNDS)]))

    def _keeps(self, exchange: Exchange, verdict: Verdict, _: Grounds) -> bool:
        label = self._population[exchange.draw.identity].label
        return verdict.ruling is not Ruling.OK or self._sampling.keeps(label)

    def phase(self, event: PhaseStarted | PhaseEnded, missed: int = 0) -> None:
        """Append that a phase began, or ended having missed so many arrivals.

        Raises:
            EnvironmentProblem: an earlier exchange could not be written.
        """
        self._keep_up()
        if isinstance(event, PhaseStarted):
            self._book.phase_started(event)
        else:
            self._book.phase_ended(event, missed)

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

    def _keep_up(self) -> None:
        """Follow what the writer has done, and wait for it where it is far behind."""
        self._raise_problem()
        if self._size != self._file.size:
            self._size = self._file.size
            if self._sampling.grown(self._size + self._truths.size):
                self._book.kept(self._sampling.share)
        while self._file.waiting > _WAITING_BYTES:
            time.sleep(_LOOK_SECONDS / 10)
            self._raise_problem()

    def _write(self) -> None:
        try:
            self._flush()  # without what was run, nothing that comes later could be read
            while not self._closing.wait(_LOOK_SECONDS):
                self._flush_if_due()
            self._flush()
            self._truths.close()
            self._file.close()
        except Exception as error:  # noqa: BLE001 -- raised in the run's own thread, by its next call
            if isinstance(error, OSError):
                self._salvage()
            self._problem = error
            for file in (self._truths, self._file):
                file.abandon()

    def _flush_if_due(self) -> None:
        now = time.monotonic()
        if now - self._flushed >= _FLUSH_SECONDS or self._file.full or self._truths.full:
            self._flush()
            self._flushed = now

    def _flush(self) -> None:
        """Write what waits; truths first, so that nothing on disk refers to what is not."""
        blocks = self._file.pending  # whatever these refer to waits already, or has been written
        self._truths.flush()
        self._file.flush(blocks)

    def _salvage(self) -> None:
        """Write what a disk without room for all has room for: an answer that was wrong should be among it."""
        blocks = self._file.pending
        if self._truths.salvage(self._truths.pending):
            self._file.salvage(blocks)

    def _raise_problem(self) -> None:
        if isinstance(self._problem, OSError):
            raise unwritable(self._file.path, self._problem)
        if self._problem is not None:
            raise self._problem
