"""The detectors that a selftest proves, each with the planted leak that it must catch."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Detector:
    """One way in which loadcheck sees.

    Attributes:
        name: What people call it.
        sees: What it sees, in a few words.
        leak: The folder in `scenarios/leaks` of a leak that shows in this way.
    """

    name: str
    sees: str
    leak: str


DETECTORS: Final = (
    Detector("rows", "rows of another identity, by a setting left on a backend", "A1"),
    Detector("headers", "statuses and headers of another identity", "A4"),
    Detector("plan-cache", "rows that follow the first identity of a cached plan", "B3"),
    Detector("framing", "transactions cut apart: error codes, answers to other requests", "C1"),
    Detector("stamp", "answers meant for another exchange, such as a gateway's", "G2"),
    Detector("token", "tokens that must be refused, such as those of a secret that was rotated", "H1"),
    Detector("policy", "holes in the policies themselves", "F2"),
)
