"""What a planted leak must show, and what a run of it falls short of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import yaml

from loadcheck.record.stored import FindingHead

# A hole in a policy and a leak of settings are mended in different places: one must never be told for the other.
_NEVER_CONFUSED: Final = frozenset({"policy", "session-state", "plan-cache"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What a leak's `expected.yaml` says of it.

    Attributes:
        symptoms: Every finding must have one of these.
        one_of: At least one finding must have one of these; empty where any of the symptoms will do.
        cause: That of the finding seen most often.
        source: Whether a finding must name whose rows or setting came.
        source_at_sight: Whether it can before the fewest exchanges that show it are known; not where the wrong answers
            have no rows that are somebody's, and what is wrong with them may have been left by anybody.
        reproduced: Whether the fewest exchanges that show it are to be found each time; not where it takes a fault,
            rows as they were before the run wrote, or a server that ends now and then.
        named: What of PostgreSQL's catalogue the reasoning must name; empty where nothing in it is at fault.
    """

    symptoms: frozenset[str]
    one_of: frozenset[str]
    cause: str
    source: bool
    source_at_sight: bool
    reproduced: bool
    named: str

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Read it from the leak's folder."""
        read: dict[str, Any] = yaml.safe_load((folder / "expected.yaml").read_text())
        return cls(
            symptoms=frozenset(read["symptom"]),
            one_of=frozenset(read.get("one_of", ())),
            cause=read["cause"],
            source=read["source"],
            source_at_sight=read.get("source_at_sight", True),
            reproduced=read.get("reproduced", True),
            named=read.get("named", ""),
        )

    @property
    def at_sight(self) -> Self:
        """What the same must show where nobody looks for the fewest exchanges."""
        return replace(self, source=self.source and self.source_at_sight)

    def shortfalls(self, findings: Sequence[FindingHead]) -> Iterator[str]:
        """Yield what is missing from, or wrong with, the findings of a run; nothing when they are as they must be."""
        if not findings:
            yield "nothing was found"
            return
        symptoms = {each["symptom"] for each in findings}
        if strange := sorted(symptoms - self.symptoms):
            yield f"symptom {', '.join(strange)}, expected {' or '.join(sorted(self.symptoms))}"
        if self.one_of and not symptoms & self.one_of:
            yield f"no {' or '.join(sorted(self.one_of))}"
        if (cause := main(findings)["cause"]) != self.cause:
            yield f"cause {cause}, expected {self.cause}"
        if confused := sorted({each["cause"] for each in findings} & _NEVER_CONFUSED - {self.cause}):
            yield f"cause {', '.join(confused)} as well, which it is not"
        if self.source and not any(each["source"] for each in findings):
            yield "no source was named"


def main(findings: Sequence[FindingHead]) -> FindingHead:
    """Return the finding that was seen most often."""
    return max(findings, key=lambda each: each["count"])
