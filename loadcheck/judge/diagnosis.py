"""Diagnosis: from what was seen when a finding was asked about again, to one cause."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadcheck.judge.errors import LOST_SETTINGS
from loadcheck.judge.verdict import Cause


@dataclass(frozen=True, slots=True)
class Trial:
    """How often the same wrong answer came when it was asked for again under other conditions.

    Attributes:
        wrong: How many answers were wrong.
        asked: How many there were; 0 when it could not be tried.
    """

    wrong: int = 0
    asked: int = 0

    def __str__(self) -> str:
        """Tell it in words."""
        return f"{self.wrong} of {self.asked} wrong" if self.asked else "could not be tried"


@dataclass(frozen=True, slots=True)
class Observations:
    """What asking again has shown.

    Attributes:
        fresh: Each asked as the first on a backend that nobody had used.
        replayed: The inputs up to the finding, one after another on fresh backends.
        immutable: Functions that promise not to depend on settings, and read them.
        holes: What in the catalogue lets rows through whoever asks.
    """

    fresh: Trial = Trial()
    replayed: Trial = Trial()
    immutable: Sequence[str] = ()
    holes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A cause, and the reasoning that led to it, a line each."""

    cause: Cause
    reasoning: tuple[str, ...]


_ALWAYS: Final = "wrong even where nobody was before: the rules themselves let it through"
_SEQUENCE: Final = "wrong after others, one at a time: something stays on the connection"
_CONCURRENCY: Final = "right one at a time, wrong under concurrency: statements of several callers mix"


def diagnose(seen: Observations, code: str) -> Diagnosis:
    """Name the cause of a finding.

    Args:
        seen: What asking again has shown.
        code: The error code of the finding's answer, if it has one.
    """
    if code in LOST_SETTINGS:
        return Diagnosis(Cause.TRANSACTION_FRAMING, (f"{code}: the statement ran without its settings",))
    if not seen.fresh.asked:
        return Diagnosis(Cause.UNDETERMINED, ())
    told = (f"on fresh backends: {seen.fresh}", f"the run's inputs one at a time: {seen.replayed}")
    cause, conclusion = _conclude(seen)
    return Diagnosis(cause, (*told, conclusion))


def _conclude(seen: Observations) -> tuple[Cause, str]:
    if seen.fresh.wrong == seen.fresh.asked:
        return Cause.POLICY, _blaming(_ALWAYS, seen.holes)
    if seen.replayed.wrong and seen.immutable:
        return Cause.PLAN_CACHE, _blaming(_SEQUENCE, seen.immutable)
    if seen.replayed.wrong:
        return Cause.SESSION_STATE, _SEQUENCE
    if seen.replayed.asked:
        return Cause.TRANSACTION_FRAMING, _CONCURRENCY
    return Cause.UNDETERMINED, "right on fresh backends, and more could not be tried"


def _blaming(reason: str, suspects: Sequence[str]) -> str:
    return f"{reason} ({'; '.join(suspects)})" if suspects else reason
