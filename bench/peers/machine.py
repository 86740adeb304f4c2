"""The machine, and the versions of everything that was measured on it."""

import asyncio
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Final

from loadcheck.errors import LoadcheckError
from loadcheck.stack.programs import ALL, Finder
from loadcheck.stack.versions import version
from peers.target import all_cores, nginx
from peers.tools import Unmeasured, libraries, locust_program, program

_PACKAGES = ("aiohttp", "uvloop", "httptools", "asyncpg")
_STEP_S: Final = 0.0002  # a loop that only looks at the clock takes a thousandth of it for a step


def machine() -> str:
    """Return the processor, the cores, the system, and how much else it had to do just now."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{model}, {len(all_cores())} cores, {platform.system()} {platform.release()}"


def load() -> float:
    """Return how many programs wanted a core lately: without any load of ours, what else the machine does."""
    return os.getloadavg()[0]


def held_up(cores: frozenset[int], seconds: float) -> tuple[float, float]:
    """Look at the clock all the time, on some cores; no tool there can be better in time than that loop is.

    Returns:
        For which part of the time the loop was held up, whoever had these cores meanwhile; and the longest, in seconds.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        began = now = time.perf_counter()
        gaps = [0.0]
        while now - began < seconds:
            earlier, now = now, time.perf_counter()
            if now - earlier > _STEP_S:
                gaps.append(now - earlier)
        return sum(gaps) / (now - began), max(gaps)
    finally:
        os.sched_setaffinity(0, before)


def versions() -> str:
    """Return the version of each program, as far as they tell."""
    own = [f"loadcheck {package_version('loadcheck')}", f"Python {platform.python_version()}"]
    return ", ".join([*own, *(f"{name} {package_version(name)}" for name in _PACKAGES), *_servers(), *_peers()])


def _servers() -> Iterator[str]:
    finder = Finder()
    for kind in ALL:
        try:
            found = finder.find(kind)
            if found is not None:
                yield f"{kind.name} {asyncio.run(version(found))}"
        except LoadcheckError:
            continue


def _peers() -> Iterator[str]:
    for name, find, option in (
        ("nginx", nginx, "-v"),
        ("wrk", lambda: program("wrk"), "-v"),
        ("locust", locust_program, "--version"),
    ):
        try:
            path = find()
            done = subprocess.run(
                [path, option],
                check=False,
                capture_output=True,
                text=True,
                timeout=20,
                env={**os.environ, **libraries(path)},
            )
        except (Unmeasured, OSError, subprocess.TimeoutExpired):
            continue
        found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
        if found:
            yield f"{name} {found[0]}"
