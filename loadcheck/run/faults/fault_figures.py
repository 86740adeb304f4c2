"""What a run says of its faults in the end."""

from collections.abc import Iterator, Sequence

from loadcheck.record.stored import StoredFault
from loadcheck.run.faults.recovery import GRACE_S, Recovery
from loadcheck.scenario.model import Scenario


def told_faults(scenario: Scenario, recovery: Recovery) -> Iterator[StoredFault]:
    """Yield what each fault did, in the scenario's order."""
    for fault, toll in zip(scenario.faults, recovery.tolls, strict=True):
        yield {
            "do": fault.label,
            "times": toll.times,
            "over": toll.over,
            "recovered": toll.recoveries,
            "recovery_max_s": None if toll.slowest is None else round(toll.slowest, 3),
            "failures": toll.failures,
            "failed": toll.failed,
        }


def slowest_recovery(faults: Sequence[StoredFault]) -> float | None:
    """Return the longest that the target took to recover from any, in seconds; None where that was not seen."""
    return max((fault["recovery_max_s"] for fault in faults if fault["recovery_max_s"] is not None), default=None)


def unmade_faults(faults: Sequence[StoredFault]) -> Iterator[str]:
    """Yield why the faults say less than they should: one did not happen, or the target did not recover."""
    for fault in faults:
        if fault["times"] and fault["failures"] == fault["times"]:
            yield f"the fault {fault['do']} could not be made: {fault['failed']}"
        elif not fault["times"]:
            yield f"the fault {fault['do']} never happened: the load ended before"
        elif fault["over"] and (not fault["recovered"] or (fault["recovery_max_s"] or 0.0) > GRACE_S):
            yield f"no right answer came within {GRACE_S:.0f} s of the fault {fault['do']}, or before the load ended"
