"""Findings: violations of one kind, told once."""

from dataclasses import dataclass, field

from loadcheck.engine.events import Exchange
from loadcheck.judge.verdict import Cause, Symptom, Verdict


@dataclass(slots=True)
class Finding:
    """One deduplicated violation.

    Attributes:
        id: `F1`, `F2`, … in the order of first sight.
        request: Index into the scenario's requests.
        victim: Index of the first identity that got the wrong answer.
        source: Index of the identity whose rows it got, or None.
        count: How many exchanges showed it.
        first: The first of them.
        verdict: The verdict on the first.
        victims: How many different identities it happened to.
    """

    id: str
    symptom: Symptom
    request: int
    victim: int
    source: int | None
    first: Exchange
    verdict: Verdict
    cause: Cause = Cause.UNDETERMINED
    count: int = 0
    victims: set[int] = field(default_factory=set)
