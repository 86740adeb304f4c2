"""A stored run, read back from its folder: all that a report is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from loadcheck.errors import UsageProblem
from loadcheck.record.series import Sample, read_series
from loadcheck.record.stored import StoredFinding, Summary
from loadcheck.record.told import NAME_A_RUN, read_findings, read_summary


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One run.

    Attributes:
        folder: Where it was read from.
        series: What happened in each second; empty for a run of an older version.
        wrong: When violations were, in seconds after the run's start, where that was found out anew; None where the
            history's own verdicts tell.
    """

    folder: Path
    summary: Summary
    findings: list[StoredFinding]
    series: list[Sample]
    wrong: Sequence[float] | None = None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a run's folder.

        Raises:
            UsageProblem: it holds no complete run of this version.
        """
        summary, findings = read_summary(folder), read_findings(folder)
        if summary is None or findings is None:
            missing = "summary.json" if summary is None else "findings.json"
            raise UsageProblem(
                f"{folder / missing}: no such file, so {folder} holds no complete run",
                NAME_A_RUN,
            )
        return cls(folder, summary, findings, list(read_series(folder / "series.ndjson")))
