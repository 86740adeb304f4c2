"""What loadcheck itself used: figures that tell whether it was the bottleneck of its own measurement."""

import resource
import sys
from pathlib import Path
from typing import Final

_PER_MB: Final = 1e6 if sys.platform == "darwin" else 1e3  # ru_maxrss is in bytes there, in kB elsewhere
_STATM: Final = Path("/proc/self/statm")
_SCHEDSTAT: Final = Path("/proc/self/schedstat")


class Generator:
    """Counts the processor time of this process from its creation on, and how long it waited for a processor."""

    def __init__(self) -> None:
        self._cpu_before = _cpu_seconds()
        self._waited_before = _waited_seconds()

    def figures(self) -> dict[str, float | None]:
        """Return seconds of processor time and of waiting for it, and the process's largest memory in MB.

        Waiting is that of the main thread, which the event loop runs in; None where the system does not tell.
        """
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _PER_MB
        cpu = _cpu_seconds() - self._cpu_before
        before, now = self._waited_before, _waited_seconds()
        waited = None if before is None or now is None else round(now - before, 3)
        return {"cpu_s": round(cpu, 3), "waited_s": waited, "rss_max_mb": round(rss, 1)}


def resident_mb() -> float:
    """Return the memory of this process now, in MB; its largest so far where the system does not tell."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _PER_MB
    return pages * resource.getpagesize() / 1e6


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _waited_seconds() -> float | None:
    """Return how long the main thread was ready to run and had no processor.

    See https://docs.kernel.org/scheduler/sched-stats.html
    """
    try:
        return int(_SCHEDSTAT.read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None
