"""When a run's answers were wrong: by its history, which has each at its own time."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from loadcheck.record.stored_history import read_history
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.html.thinning import Stretch, merged


def violations(run: StoredRun, finest: float) -> list[Stretch]:
    """Return from when to when answers were wrong, in order; those less than `finest` seconds apart are one.

    The series would not do: it counts a violation when that is judged for good, a second later perhaps.
    """
    firsts = [finding["first_s"] for finding in run.findings]
    within: dict[int, Stretch] = {}
    for at in chain(firsts, _in_history(run) if firsts else ()):
        part = int(at / finest) if finest else 0
        first, last = within.get(part, (at, at))
        within[part] = min(first, at), max(last, at)
    return list(merged([within[part] for part in sorted(within)], finest))


def _in_history(run: StoredRun) -> Iterator[float]:
    path = run.folder / "history.ndjson.gz"
    lines: Iterable[dict[str, Any]] = read_history(path) if path.exists() else ()
    for line in lines:
        if line.get("verdict") == "violation":
            yield float(line["t"]) + float(line["service_ms"]) / 1000
