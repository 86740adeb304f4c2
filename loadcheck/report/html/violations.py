"""When a run's answers were wrong, each at its own time: by its history, or by the verdicts of judging it again."""

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
    within: dict[int, Stretch] = {}
    for at in _told(run) if run.wrong is None else run.wrong:
        part = int(at / finest) if finest else 0
        first, last = within.get(part, (at, at))
        within[part] = min(first, at), max(last, at)
    return list(merged([within[part] for part in sorted(within)], finest))


def _told(run: StoredRun) -> Iterator[float]:
    firsts = [finding["first_s"] for finding in run.findings]
    return chain(firsts, _in_history(run) if firsts else ())


def _in_history(run: StoredRun) -> Iterator[float]:
    path = run.folder / "history.ndjson.gz"
    lines: Iterable[dict[str, Any]] = read_history(path) if path.exists() else ()
    for line in lines:
        if line.get("verdict") == "violation":
            yield float(line["t"]) + float(line["service_ms"]) / 1000
