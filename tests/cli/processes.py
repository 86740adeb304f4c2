"""The processes that a command has started, and that must be gone after it."""

import os
from pathlib import Path

from tests.stack.watching import becomes


def descendants(pid: int) -> dict[int, str]:
    """Return every process below `pid`, with its name."""
    parents, names = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        child, _, name = head.partition(" (")
        parents[int(child)] = int(rest.split()[1])
        names[int(child)] = name
    found: dict[int, str] = {}
    wanted = {pid}
    while wanted:
        wanted = {child for child, parent in parents.items() if parent in wanted}
        found |= {child: names[child] for child in wanted}
    return found


def gone(pids: dict[int, str]) -> bool:
    """Whether the processes end, as those do that somebody ends just now."""
    return becomes(lambda: not any(_runs(pid, name) for pid, name in pids.items()))


def _runs(pid: int, name: str) -> bool:
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return f"({name})" in stat and ") Z " not in stat
