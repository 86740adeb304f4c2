"""How well Poisson arrivals keep their times: read from the history of a run."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, pvariance
from typing import Final

from loadcheck.record.stored_history import read_history
from peers.machine import held_up
from peers.target import HERE, Bench
from peers.tools import Unmeasured, run_loadcheck

_PHASE: Final = "paced"
_RUN_S: Final = 12.0
_LOOK_S: Final = 4.0
_WINDOW_S: Final = 0.01
_ERRORS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Pacing:
    """What was sent, and when.

    Attributes:
        rate: What was asked for, in exchanges a second.
        late_p99_ms: By how much the first byte was sent after its time, at the 99th percentile.
        mean: Sent in a window, as a part of what the rate says.
        variance: The variance of that from window to window, as a part of the mean: 1 for a Poisson process.
        mean_error: By how much the mean of a right one differs from 1 at most, but in 3 of 1,000 runs.
        variance_error: The same for the variance.
        missed: Arrivals that were not sent at all.
        held_share: For which part of the time the machine held up a loop that only looks at the clock, just before and
            just after, on the same core.
        held_ms: The longest of that.
    """

    rate: float
    late_p99_ms: float
    mean: float
    variance: float
    mean_error: float
    variance_error: float
    missed: int
    held_share: float
    held_ms: float


def pacing(bench: Bench, rate: float) -> Pacing:
    """Run an open loop at a rate, and look at its history.

    Raises:
        Unmeasured: the run failed.
    """
    rates = [f"--set=load.{phase}.rate={rate:.0f}/s" for phase in ("warm-up", _PHASE)]
    held = [held_up(bench.tools, _LOOK_S)]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        summary = run_loadcheck(bench, HERE / "paced.yaml", out, _RUN_S, *rates)
        held.append(held_up(bench.tools, _LOOK_S))
        lines = [line for line in read_history(out / "history.ndjson.gz") if line["phase"] == _PHASE]
    if not lines:
        raise Unmeasured("nothing was sent")
    late = sorted(line["latency_ms"] - line["service_ms"] for line in lines)
    counts = _windows([line["t"] for line in lines])
    expected, mean = round(rate) * _WINDOW_S, fmean(counts)
    return Pacing(
        rate=round(rate),
        late_p99_ms=late[int(len(late) * 0.99)],
        mean=mean / expected,
        variance=pvariance(counts) / mean,
        mean_error=_ERRORS / sqrt(expected * len(counts)),
        variance_error=_ERRORS * sqrt(2 / len(counts)),
        missed=summary["generator"]["missed"],
        held_share=fmean(share for share, _ in held),
        held_ms=max(longest for _, longest in held) * 1e3,
    )


def _windows(times: Sequence[float]) -> list[int]:
    """Return how much was sent in each window between the first sending and the last, both left out."""
    counts = Counter(int(time / _WINDOW_S) for time in times)
    return [counts[window] for window in range(min(counts) + 1, max(counts))]
