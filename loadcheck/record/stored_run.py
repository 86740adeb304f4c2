"""A stored run, read back from its folder: all that a report is made from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from loadcheck.errors import UsageProblem
from loadcheck.record.series import Sample, read_series
from loadcheck.record.stored import StoredFinding, Summary


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One run.

    Attributes:
        folder: Where it was read from.
        series: What happened in each second; empty for a run of an older version.
    """

    folder: Path
    summary: Summary
    findings: list[StoredFinding]
    series: list[Sample]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a run's folder.

        Raises:
            UsageProblem: it holds no complete run.
        """
        summary, findings = _json(folder / "summary.json"), _json(folder / "findings.json")
        return cls(folder, summary, findings, list(read_series(folder / "series.ndjson")))


def _json(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageProblem(
            f"{path}: no such file, so {path.parent} holds no complete run",
            "Name a folder that `loadcheck run` has made, such as reports/pets-….",
        ) from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise UsageProblem(f"{path} cannot be read: {error}") from None
