"""When a run's answers were wrong, each at its own time: by its history, or by the verdicts of judging it again."""

from collections.abc import Iterable, Iterator
from typing import Any

from loadcheck.record.folder import RunFolder
from loadcheck.record.stored_history import read_history
from loadcheck.record.stored_run import StoredRun
from loadcheck.record.stored_truths import read_audited
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
    """Yield when each violation was; those whose file is gone, only as far as findings tell."""
    if not run.findings:
        return
    yield from (finding["first_s"] for finding in run.findings)
    folder = RunFolder(run.folder)
    lines: Iterable[dict[str, Any]] = read_history(folder.history) if folder.history.exists() else ()
    yield from (_done(line) for line in lines if line.get("verdict") == "violation")
    if run.summary["writes"] is not None and folder.truths.exists():
        yield from map(_done, read_audited(folder.truths))


def _done(line: dict[str, Any]) -> float:
    return float(line["t"]) + float(line["service_ms"]) / 1000
