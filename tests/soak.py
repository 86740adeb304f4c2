"""Kill loadcheck at random moments, and see that every history is readable and none of the runs passes.

`make soak` does it 100 times, against one stack that `loadcheck up` keeps; a test does it a few times.
"""

import random
import re
import sys
import tempfile
import time
from pathlib import Path

from loadcheck.record.stored_history import read_history
from tests.cli.command import SCENARIOS, loadcheck, read_until, started

_CLEAN = SCENARIOS / "leaks" / "A1" / "fixed.yaml"
_LATEST_S = 3.0
_TOLD = ("url", "database", "jwt-secret")


def kill_at_random(times: int, seed: int, folder: Path) -> int:
    """Run and kill so often; return how many exchanges were read back in all.

    Raises:
        AssertionError: a history could not be read, or a run that was killed passed.
    """
    chance, read = random.Random(seed), 0  # noqa: S311 -- which moments does not matter
    with started("up", _CLEAN) as stack:
        line = next(line for line in read_until(stack, "Ctrl-C").splitlines() if "loadcheck run" in line)
        given = [word for name in _TOLD for word in (f"--{name}", re.search(rf"--{name} '?([^'\s]+)'?", line)[1])]  # type: ignore[index]
        for number in range(times):
            read += _kill(given, folder / str(number), chance.uniform(0, _LATEST_S))
    return read


def _kill(given: list[str], run: Path, after: float) -> int:
    with started("run", _CLEAN, *given, "--duration", "60s", "--out", run) as process:
        read_until(process, "alone: concurrency")
        time.sleep(after)  # the moment is the point
        process.kill()
        process.wait()
    stored = read_history(run / "history.ndjson.gz")
    lines = list(stored)
    assert stored.cut, "a history that was killed says that it is whole"
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    again = loadcheck("recheck", run)
    if lines:
        assert again.code == 2, again.text
        assert "the run was cut" in again.out
    else:
        assert again.code in {2, 4}, again.text
    return len(lines)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        count = kill_at_random(int(sys.argv[1]), int(sys.argv[2]), Path(scratch))
        sys.stdout.write(
            f"killed {sys.argv[1]} times: {sys.argv[1]} histories readable, none passes; {count:,} exchanges in all\n"
        )
