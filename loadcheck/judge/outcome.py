"""The verdict of a whole run, and why."""

from dataclasses import dataclass
from enum import StrEnum

from loadcheck.errors import ExitCode


class RunVerdict(StrEnum):
    """What a run says about the target."""

    PASS = "pass"  # noqa: S105 -- a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Measured:
    """A threshold beside what was measured.

    Attributes:
        name: Its key in the scenario, such as `p99`.
        limit: The limit: seconds for latencies, a share, a rate, or a count.
        value: What was measured, in the same unit; None when there was no sample.
        held: Whether it held; None when there was no sample.
    """

    name: str
    limit: float
    value: float | None
    held: bool | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict of a run.

    Attributes:
        reasons: Sentences for the user, the weightiest first; never empty.
    """

    verdict: RunVerdict
    exit_code: ExitCode
    reasons: tuple[str, ...]
    thresholds: tuple[Measured, ...] = ()
