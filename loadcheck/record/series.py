"""The series of a run: what happened in each second of it, for charts, comparisons and whoever watches a soak."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NotRequired, Self

import orjson
from typing_extensions import TypedDict

from loadcheck.errors import EnvironmentProblem


class Sample(TypedDict):
    """One stretch of a run, as series.ndjson holds it.

    Attributes:
        at_s: Its end, in seconds after the run's start.
        seconds: Its length.
        phase: The phase that ran at its end; None before the first.
        target_rps: The rate that an open-loop phase asks for at its end; None for a closed loop.
        latency_ms: Percentiles of the exchanges done in it, from the intended start.
        statuses: Of the measured phases' exchanges.
        in_flight: At its end.
        backends: Seen so far in the run.
        handoffs: Counted in it.
        faults: The faults that were on in it; a run of an older version tells none.
        cpu_s: Processor time that loadcheck used in it.
        waited_s: For how long it was ready to run in it and had no processor, because others had them; None where the
            system does not tell, and a run of an older version has none.
        rss_mb: The largest memory of loadcheck so far.
    """

    at_s: float
    seconds: float
    phase: str | None
    target_rps: float | None
    sent: int
    ok: int
    violation: int
    unknown: int
    missed: int
    in_flight: int
    latency_ms: dict[str, float | None]
    statuses: dict[str, int]
    backends: int
    handoffs: int
    faults: list[str]
    cpu_s: float
    waited_s: NotRequired[float | None]
    rss_mb: float


class SeriesFile:
    """Appends samples to a file, each on disk at once.

    Raises:
        EnvironmentProblem: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise self._unwritable(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, sample: Sample) -> None:
        """Append one.

        Raises:
            EnvironmentProblem: it cannot be written, by lack of space for one.
        """
        try:
            self._file.write(orjson.dumps(sample) + b"\n")
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> EnvironmentProblem:
        return EnvironmentProblem(
            f"the series of the run cannot be written: {self._path}: {error.strerror}",
            "Free some space, or name another folder with --out.",
        )


def read_series(path: Path) -> Iterator[Sample]:
    """Yield the samples of a run's file, none if it has no such file; a line cut short ends them."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                return
