"""What two runs are compared by: a value for each second of a measured phase."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from loadcheck.record.series import Sample
from loadcheck.record.stored_run import StoredRun

_WHOLE: Final = 0.5  # seconds; a shorter sample is the rest of a phase
_STILL: Final = 0.5  # answers that a second without one counts for: only what is above 0 can be told in times


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a phase.

    Attributes:
        name: As thresholds name it.
        of: Its value in one sample; None where that has none.
        lower_is_better: Which way is worse.
        answers: How many a sample needs, so that its value is not that of the slowest one alone.
    """

    name: str
    of: Callable[[Sample], float | None]
    lower_is_better: bool
    answers: int = 0


def _latency(name: str, answers: int) -> Measure:
    return Measure(name, lambda sample: sample["latency_ms"][name], lower_is_better=True, answers=answers)


def _throughput(sample: Sample) -> float:
    return max(answers(sample), _STILL) / sample["seconds"]


MEASURES: Final = (
    Measure("throughput", _throughput, lower_is_better=False),
    _latency("p50", 2),
    _latency("p90", 10),
    _latency("p99", 100),
)


def phases(base: StoredRun, run: StoredRun) -> list[str]:
    """Return the measured phases that both runs have, in order."""
    theirs = measured_phases(base)
    return [name for name in measured_phases(run) if name in theirs]


def windows(run: StoredRun, phase: str) -> list[Sample]:
    """Return the samples of a phase, in order.

    Its first second is left out, for it starts from nothing.
    """
    steady = [sample for sample in run.series if sample["phase"] == phase][1:]
    return [sample for sample in steady if sample["seconds"] >= _WHOLE]


def answers(sample: Sample) -> int:
    """Return how many answers could be judged."""
    return sample["ok"] + sample["violation"]


def values(samples: Sequence[Sample], measure: Measure) -> list[float]:
    """Return a measure's values, seconds without one left out: while nothing is answered, nothing has a latency."""
    return [value for sample in samples if (value := measure.of(sample)) is not None]


def dense(samples: Sequence[Sample], measure: Measure) -> bool:
    """Tell whether most seconds in which anything was answered have answers enough for a measure."""
    answered = [count for sample in samples if (count := answers(sample))]
    return bool(answered) and median(answered) >= measure.answers


def slowdown(samples: Sequence[Sample]) -> float:
    """Return how many times longer loadcheck's own work took than on a core of its own; 1 where that is not known.

    It has nothing to do with the target, but with what else the machine has to do.
    """
    told = [
        1 + waited / sample["cpu_s"]
        for sample in samples
        if (waited := sample.get("waited_s")) is not None and sample["cpu_s"] > 0
    ]
    return median(told) if told else 1.0


def measured_phases(run: StoredRun) -> list[str]:
    """Return the names of its measured phases, in order."""
    return [phase["name"] for phase in run.summary["phases"] if phase["measure"]]
