"""The time series as CSV: a line a second, for spreadsheets and notebooks."""

import csv
import io
from typing import Any, Final

from loadcheck.record.series import Sample
from loadcheck.record.stored_run import StoredRun

_LATENCIES: Final = ("p50", "p90", "p99", "max")


def series_csv(run: StoredRun) -> str:
    """Return the run's samples as CSV with a header (RFC 4180): `latency_p99_ms`, and a column for each status."""
    statuses = sorted({status for sample in run.series for status in sample["statuses"]})
    file = io.StringIO()
    lines = [_line(sample, statuses) for sample in run.series]
    columns = list(lines[0]) if lines else [name for name in Sample.__annotations__ if name not in _SPREAD]
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


_SPREAD: Final = frozenset({"latency_ms", "statuses"})


def _line(sample: Sample, statuses: list[str]) -> dict[str, Any]:
    return {
        **{name: value for name, value in sample.items() if name not in _SPREAD},
        "faults": "; ".join(sample.get("faults", ())),
        **{f"latency_{name}_ms": sample["latency_ms"][name] for name in _LATENCIES},
        **{f"status_{status}": sample["statuses"].get(status, 0) for status in statuses},
    }
