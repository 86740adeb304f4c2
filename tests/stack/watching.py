"""Watching processes that are not our own children."""

import subprocess
import time
from collections.abc import Callable

_PATIENCE_S = 300.0  # ends what would never end: on a busy machine, no time is short
_POLL_S = 0.02


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)],  # noqa: S607 -- the system's own
        check=False,
        capture_output=True,
        text=True,
    ).stdout.strip()
    return bool(shown) and not shown.startswith("Z")


def parent(pid: int) -> int:
    return int(
        subprocess.run(
            ["ps", "-o", "ppid=", "-p", str(pid)],  # noqa: S607 -- the system's own
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )


def becomes(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true. Nothing tells of the end of another's child on every system: look."""
    deadline = time.monotonic() + _PATIENCE_S
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return held
