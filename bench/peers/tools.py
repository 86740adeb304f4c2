"""The load tools: how each is started, pinned to the first core, and where it says how fast it was."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peers.target import CALLERS, HERE, PATH, Bench, cores, fields

ROOT: Final = HERE.parents[1]
_FETCHED: Final = Path(sys.prefix) / "libexec" / "loadcheck"
_LATE_S: Final = 60.0


class Unmeasured(Exception):
    """A tool that is not here, or does not do what it should: told in the table."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to send.

    Attributes:
        checks: What it looks at.
        measure: Returns the answers a second that it gets in so many seconds.
    """

    name: str
    checks: str
    measure: Callable[[Bench, float], float]


def program(name: str) -> str:
    """Return where a program is.

    Raises:
        Unmeasured: it is nowhere.
    """
    fetched = _FETCHED / name / "usr" / "bin" / name
    found = shutil.which(name) or (str(fetched) if fetched.exists() else None)
    if found is None:
        raise Unmeasured("not installed")
    return found


def wrk(bench: Bench, seconds: float) -> float:
    """Measure wrk, with one thread."""
    out = _run([program("wrk"), "-t1", f"-c{CALLERS}", f"-d{seconds:g}s", *_options(bench), bench.url + PATH], seconds)
    _refuse("Non-2xx" in out or "Socket errors" in out, "not every answer was a success")
    return _number(r"Requests/sec:\s+([\d.]+)", out)


def hey(bench: Bench, seconds: float) -> float:
    """Measure hey, with one processor."""
    command = [program("hey"), "-cpus", "1", "-c", str(CALLERS), "-z", f"{seconds:g}s", *_options(bench)]
    out = _run([*command, bench.url + PATH], seconds)
    _refuse(set(re.findall(r"\[(\d{3})\]\s+\d+ responses", out)) != {"200"}, "not every answer was a success")
    return _number(r"Requests/sec:\s+([\d.]+)", out)


def locust(bench: Bench, seconds: float) -> float:
    """Measure Locust's FastHttpUser with its JSON check."""
    beside = Path(os.environ.get("BENCH_PYTHON", sys.executable)).parent / "locust"
    found = str(beside) if beside.exists() else program("locust")
    users = ("-u", str(CALLERS), "-r", "1000", "-t", f"{max(round(seconds), 1)}s")
    command = [found, "--headless", "--only-summary", "--json", "--loglevel", "ERROR", *users, "-H", bench.url]
    out = _run([*command, "-f", str(HERE / "locustfile.py")], seconds, {"BENCH_BODY": bench.body, **_told(bench)})
    told = next(iter(json.loads(out[out.index("[") :])), None)
    if told is None:
        raise Unmeasured("nothing was sent")
    _refuse(bool(told["num_failures"]), f"{told['num_failures']} answers were not the expected ones")
    return float(told["num_requests"] / (told["last_request_timestamp"] - told["start_time"]))


def sender(way: str) -> Callable[[Bench, float], float]:
    """Return what measures one of our own loops that look at nothing."""

    def measure(bench: Bench, seconds: float) -> float:
        command = [sys.executable, str(HERE / "sender.py"), way, bench.url + PATH, f"{seconds:g}"]
        return float(_run(command, seconds, _told(bench)))

    return measure


def loadcheck(transport: str, workers: int = 1, *, pinned: bool = True) -> Callable[[Bench, float], float]:
    """Return what measures a whole `loadcheck run`: every answer judged, counted, recorded and shown."""

    def measure(bench: Bench, seconds: float) -> float:
        told = run_loadcheck(bench, seconds, transport, workers, pinned=pinned)
        counts = told["exchanges"]
        _refuse(counts["ok"] != counts["sent"], f"{counts['sent'] - counts['ok']} answers were not ok")
        return float(told["throughput_rps"])

    return measure


def run_loadcheck(bench: Bench, seconds: float, transport: str, workers: int, *, pinned: bool) -> Mapping[str, Any]:
    """Run loadcheck, and return its summary."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        options = ["--url", bench.url, *bench.options, "--duration", f"{seconds:g}s", "--transport", transport]
        command = [sys.executable, "-m", "loadcheck", "run", str(bench.scenario), *options, "--out", str(out)]
        _run([*command, "--workers", str(workers)], seconds, pinned=pinned, codes=(0, 2))
        summary: Mapping[str, Any] = json.loads((out / "summary.json").read_text())
        return summary


TOOLS: Final = (
    Tool("wrk", "nothing", wrk),
    Tool("hey", "nothing", hey),
    Tool("Locust FastHttpUser", "the JSON", locust),
    Tool("bare aiohttp on uvloop", "nothing", sender("bare")),
    Tool("loadcheck's aiohttp transport", "nothing", sender("aiohttp")),
    Tool("loadcheck's own transport", "nothing", sender("wire")),
    Tool("loadcheck run --transport aiohttp", "everything", loadcheck("aiohttp")),
    Tool("loadcheck run", "everything", loadcheck("wire")),
)
"""Each on one core, in the order of the table."""

CREWS: Final = tuple(
    Tool(f"loadcheck run --workers {workers}, not pinned", "everything", loadcheck("wire", workers, pinned=False))
    for workers in (1, 2)
)
"""On all cores, which they share with the server."""


def _options(bench: Bench) -> list[str]:
    return [word for name, value in fields(bench).items() for word in ("-H", f"{name}: {value}")]


def _told(bench: Bench) -> dict[str, str]:
    return {"BENCH_TOKEN": bench.token, "BENCH_PATH": PATH}


def _run(
    command: list[str],
    seconds: float,
    more: Mapping[str, str] | None = None,
    *,
    pinned: bool = True,
    codes: tuple[int, ...] = (0,),
) -> str:
    """Run a tool to its end; return what it printed.

    Raises:
        Unmeasured: it failed.
    """
    pin = [program("taskset"), "-c", str(cores()[0])] if pinned else []
    environment = {**os.environ, **(more or {})}
    try:
        done = subprocess.run(
            [*pin, *command],
            check=False,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=seconds + _LATE_S,
        )
    except subprocess.TimeoutExpired:
        raise Unmeasured("did not end in time") from None
    _refuse(done.returncode not in codes, f"exited with {done.returncode}: {_last_line(done.stderr + done.stdout)}")
    return done.stdout


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:100] if lines else "no word"


def _refuse(wrong: bool, why: str) -> None:  # noqa: FBT001 -- what is refused, and why
    if wrong:
        raise Unmeasured(why)


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise Unmeasured("it does not say how fast it was")
    return float(found[1])
