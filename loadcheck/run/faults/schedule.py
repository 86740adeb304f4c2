"""When faults happen: a pure function of the scenario."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from loadcheck.scenario.fault import Fault, FaultKind


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a fault happens, in seconds since the run's start; at once when both are the same."""

    begins: float
    ends: float


def occurrences(fault: Fault) -> Iterator[Occurrence]:
    """Yield when a fault happens: once, or every so often without an end, never two at a time.

    Without `at` it begins after `every`, or at once. Aborts and expired tokens without `for` last for the whole run.
    """
    first = fault.at if fault.at is not None else fault.every or 0.0
    length = _length(fault)
    if fault.every is None:
        yield Occurrence(first, first + length)
        return
    for time in count():
        begins = first + time * fault.every
        yield Occurrence(begins, begins + length)


def _length(fault: Fault) -> float:
    if fault.for_ is not None:
        return fault.for_
    return math.inf if fault.do in {FaultKind.ABORT, FaultKind.EXPIRE_TOKENS} else 0.0
