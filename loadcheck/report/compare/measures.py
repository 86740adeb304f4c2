"""What two runs are compared by: a value for each second of their measured phases."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import mean
from typing import Final

from loadcheck.record.series import Sample
from loadcheck.record.stored_run import StoredRun

_WINDOWS: Final = 600  # of a longer run, neighbours are merged: more say no more
_WHOLE: Final = 0.5  # seconds; a shorter sample is the rest of a phase


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a run.

    Attributes:
        name: As thresholds name it.
        of: Its value in one sample; None where that has none.
        lower_is_better: Which way is worse.
    """

    name: str
    of: Callable[[Sample], float | None]
    lower_is_better: bool


def _latency(name: str) -> Measure:
    return Measure(name, lambda sample: sample["latency_ms"][name], lower_is_better=True)


def _throughput(sample: Sample) -> float:
    return (sample["ok"] + sample["violation"]) / sample["seconds"]


MEASURES: Final = (
    Measure("throughput", _throughput, lower_is_better=False),
    _latency("p50"),
    _latency("p90"),
    _latency("p99"),
)


def windows(run: StoredRun, measure: Measure) -> list[float]:
    """Return a measure's values over the run's measured phases, in order, 600 at most.

    The first second of each phase is left out, for it starts from nothing; so are seconds without a value, as while a
    fault is on.
    """
    measured = {phase["name"] for phase in run.summary["phases"] if phase["measure"]}
    values = [value for sample in _steady(run.series, measured) if (value := measure.of(sample)) is not None]
    together = -(-len(values) // _WINDOWS) or 1
    return [mean(values[at : at + together]) for at in range(0, len(values), together)]


def _steady(series: Sequence[Sample], measured: set[str]) -> Iterator[Sample]:
    for phase, samples in groupby(series, key=lambda sample: sample["phase"]):
        if phase in measured:
            _, *steady = samples
            yield from (sample for sample in steady if sample["seconds"] >= _WHOLE)
