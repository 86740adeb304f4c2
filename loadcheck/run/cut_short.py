"""A run that cannot go on: what it has found by then counts for more than why."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadcheck.errors import CutShort, EnvironmentProblem
from loadcheck.judge.findings import Findings


@contextmanager
def findings_first(findings: Findings, folder: Path) -> Iterator[None]:
    """Let violations decide over the exit code where the run ends over something else, such as a full disk.

    Args:
        findings: Those of the run so far.
        folder: The run's.

    Raises:
        CutShort: there were some.
        EnvironmentProblem: there were none.
    """
    try:
        yield
    except EnvironmentProblem as problem:
        if not findings:
            raise
        raise CutShort(
            f"{problem.message}; violations had been seen by then, and the run fails",
            f"{problem.advice}\nWhat is stored of them: loadcheck report {folder}",
        ) from None
