"""The history of a run: one line an exchange, on disk within a second and readable after a crash."""

import json
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, BinaryIO, Final, Self

import orjson

from loadcheck.engine.events import Exchange
from loadcheck.errors import EnvironmentProblem
from loadcheck.identity.population import Identity
from loadcheck.judge.verdict import Ruling, Verdict
from loadcheck.record.redact import hide_tokens
from loadcheck.scenario.model import Scenario

_WAITING: Final = 10_000  # lines between the run and the writer; beyond, the run waits rather than lose one
_FLUSH_SECONDS: Final = 0.5
_BODY_BYTES: Final = 4096
_GZIP: Final = 31  # zlib's code for a gzip file with the largest window
_LEVEL: Final = 1

Line = Callable[[], dict[str, Any]]


class History:
    """Writes a run's exchanges to a gzip file of JSON lines, in a thread of its own.

    What reaches the file after a second at most stays readable whatever happens to the process.

    Args:
        path: The file; it must not exist yet.
        scenario: What is run.
        population: Its identities.

    Raises:
        EnvironmentProblem: the file cannot be made.
    """

    def __init__(self, path: Path, scenario: Scenario, population: Sequence[Identity]) -> None:
        self._path = path
        self._scenario = scenario
        self._population = population
        self._lines: Queue[Line | None] = Queue(_WAITING)
        self._closed = False
        self._ended = False
        self._problem: Exception | None = None
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise _unwritable(path, error) from None
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

    def add(self, exchange: Exchange, verdict: Verdict) -> None:
        """Append one exchange. Of its answer's body at most 4 kB outlive this call, and none if it is ok.

        Raises:
            EnvironmentProblem: an earlier line could not be written.
        """
        line = self._line(exchange, verdict)
        while True:
            self._raise_problem()
            try:
                return self._lines.put(line, timeout=1.0)
            except Full:
                continue

    def close(self) -> None:
        """Write what is waiting and close the file; closing again does nothing.

        Raises:
            EnvironmentProblem: not everything could be written.
        """
        if not self._closed:
            self._closed = True
            self._lines.put(None)
            self._thread.join()
        self._raise_problem()

    def _line(self, exchange: Exchange, verdict: Verdict) -> Line:
        """Take what the line needs now, and leave the work of encoding it to the writer."""
        answer = exchange.answer
        digest = None if answer is None else blake2b(answer.body, digest_size=16).hexdigest()
        length = None if answer is None else len(answer.body)
        start = None if answer is None or verdict.ruling is Ruling.OK else answer.body[:_BODY_BYTES]
        status = {"lost": exchange.lost} if answer is None else {"status": answer.status}

        def line() -> dict[str, Any]:
            shown = {} if start is None else {"body": start.decode("utf-8", "replace")}
            return {
                **self._inputs(exchange),
                **status,
                "bytes": length,
                "answer": digest,
                **self._ruled(verdict),
                **shown,
            }

        return line

    def _inputs(self, exchange: Exchange) -> dict[str, Any]:
        draw = exchange.draw
        request = self._scenario.requests[draw.request]
        return {
            "seq": draw.seq,
            "phase": self._scenario.load[exchange.phase].name,
            "t": round(exchange.sent, 6),
            "latency_ms": round(exchange.latency * 1000, 3),
            "service_ms": round(exchange.service * 1000, 3),
            "request": request.name,
            "identity": self._population[draw.identity].label,
            "vars": dict(zip(request.vars, draw.values, strict=False)),
        }

    def _ruled(self, verdict: Verdict) -> dict[str, Any]:
        source = verdict.source
        return {
            "verdict": verdict.ruling,
            "symptom": verdict.symptom,
            "reason": verdict.reason,
            "source": None if source is None else self._population[source].label,
            **({"fault": verdict.fault} if verdict.fault else {}),
        }

    def _write(self) -> None:
        try:
            with self._file:
                self._write_lines(zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP))
        except Exception as error:  # noqa: BLE001 -- raised in the run's own thread, by its next call
            self._problem = error
        # After an error nothing more is written, but the run must be able to hand over lines to learn of it.
        while not self._ended:
            self._ended = self._lines.get() is None

    def _write_lines(self, gzip: "zlib._Compress") -> None:
        flushed = time.monotonic()
        waiting = b""
        while not self._ended:
            waiting += gzip.compress(self._next())
            if time.monotonic() - flushed >= _FLUSH_SECONDS:
                _write_all(self._file, waiting + gzip.flush(zlib.Z_SYNC_FLUSH))
                waiting, flushed = b"", time.monotonic()
        _write_all(self._file, waiting + gzip.flush())

    def _next(self) -> bytes:
        """Return the next line, or nothing when none came in time or the run is over."""
        try:
            line = self._lines.get(timeout=_FLUSH_SECONDS)
        except Empty:
            return b""
        self._ended = line is None
        return b"" if line is None else _encode(line())

    def _raise_problem(self) -> None:
        if isinstance(self._problem, OSError):
            raise _unwritable(self._path, self._problem)
        if self._problem is not None:
            raise self._problem


def _encode(line: dict[str, Any]) -> bytes:
    try:
        text = orjson.dumps(line).decode()
    except TypeError:  # an integer of more than 64 bits
        text = json.dumps(line)
    return hide_tokens(text).encode() + b"\n"


def _write_all(file: BinaryIO, data: bytes) -> None:
    while data:
        data = data[file.write(data) or 0 :]


def _unwritable(path: Path, error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"the history of the run cannot be written to {path}: {error.strerror or error}",
        "Free some space or make the folder writable, or name another one with --out.",
    )
