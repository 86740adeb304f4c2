"""The `loadcheck` command as users run it: a process of its own, its output and its exit code."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadcheck.record.stored_history import read_history

REPOSITORY = Path(__file__).parents[2]
SCENARIOS = REPOSITORY / "scenarios"
PATIENCE_S = 900  # no test asserts a time: this only ends what would never end
_BAD_TOKENS = ("expired", "not-yet-valid", "wrong-key", "unsigned", "malformed", "missing")


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def loadcheck(*arguments: object, cwd: Path = REPOSITORY, **environment: str) -> Ended:
    return _ended(_command(*arguments), cwd, _environment(environment))


def loadcheck_with_small_files(*arguments: object) -> Ended:
    """Run it where no file may grow beyond 8 kB, which stands for a full disk."""
    limited = ["bash", "-c", 'ulimit -f 8 && exec "$@"', "bash", *_command(*arguments)]
    done = subprocess.run(
        limited, env=_environment({}), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@contextmanager
def started(*arguments: object, cwd: Path = REPOSITORY, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Keep the command running for the length of the context, and end it if it has not ended by itself."""
    process = subprocess.Popen(
        _command(*arguments),
        cwd=cwd,
        env=_environment(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)


def bad_tokens_weigh(weight: int) -> tuple[str, ...]:
    """Options by which a short run of pets.yaml, too, sends something with every kind of token, whatever its seed."""
    return tuple(word for name in _BAD_TOKENS for word in ("--set", f"identities.{name}.weight={weight}"))


def read_until(process: subprocess.Popen[str], sought: str) -> str:
    """Read what the command prints up to the line that holds the text."""
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if sought in line:
            return read
    raise AssertionError(f"{sought!r} was never printed:\n{read}")


def summary(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return read


def history(folder: Path) -> list[dict[str, Any]]:
    return sorted(read_history(folder / "history.ndjson.gz"), key=lambda line: int(line["seq"]))


def _ended(command: list[str], cwd: Path, environment: dict[str, str]) -> Ended:
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "loadcheck", *map(str, arguments)]


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "80", **more}
