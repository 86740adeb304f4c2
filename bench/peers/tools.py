"""The load tools: how each is started, and where it says how fast it was."""

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

from peers.screen import screen
from peers.target import CALLERS, HERE, PATH, Bench, fields, on

BENCH_PYTHON: Final = Path(os.environ.get("BENCH_PYTHON", sys.executable)).absolute()
"""The Python that has what only the bench needs."""

_FETCHED: Final = Path(sys.prefix) / "libexec" / "loadcheck"
_LATE_S: Final = 45.0
_WHY_LETTERS: Final = 110


class Unmeasured(Exception):
    """Why there is no figure: something is not here, or does not do what it should. It is told in its place."""


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
        raise Unmeasured("not installed, and apt-get does not have it")
    return found


def locust_program() -> str:
    """Return where Locust is: beside that Python, or on the PATH.

    Raises:
        Unmeasured: it is nowhere.
    """
    beside = BENCH_PYTHON.parent / "locust"
    found = str(beside) if beside.exists() else shutil.which("locust")
    if found is None:
        raise Unmeasured("not installed, and pip does not have it")
    return found


def libraries(path: str) -> dict[str, str]:
    """Return what a program that was fetched with its libraries wants in its environment."""
    fetched = next((folder for folder in Path(path).parents if folder.parent == _FETCHED), None)
    folders = sorted({str(file.parent) for file in fetched.rglob("*.so*")}) if fetched else []
    return {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}


def wrk(bench: Bench, seconds: float) -> float:
    """Measure wrk, with one thread."""
    command = [program("wrk"), "-t1", f"-c{CALLERS}", f"-d{max(round(seconds), 1)}s", *_headers(bench)]
    out = _run([*command, bench.url + PATH], bench, seconds)
    _refuse("Non-2xx" in out or "Socket errors" in out, "not every answer was a success")
    return _number(r"Requests/sec:\s+([\d.]+)", out)


def hey(bench: Bench, seconds: float) -> float:
    """Measure hey, on as many processors as it may use."""
    cpus = str(len(bench.tools))
    command = [program("hey"), "-cpus", cpus, "-c", str(CALLERS), "-z", f"{seconds:g}s", *_headers(bench)]
    out = _run([*command, bench.url + PATH], bench, seconds)
    _refuse(set(re.findall(r"\[(\d{3})\]\s+\d+ responses", out)) != {"200"}, "not every answer was a success")
    return _number(r"Requests/sec:\s+([\d.]+)", out)


def locust(bench: Bench, seconds: float) -> float:
    """Measure Locust's FastHttpUser with its JSON check."""
    users = ("-u", str(CALLERS), "-r", "1000", "-t", f"{max(round(seconds), 1)}s")
    command = [locust_program(), "--headless", "--only-summary", "--json", "--loglevel", "ERROR", *users]
    told = {**_told(bench), "BENCH_BODY": bench.body}
    out = _run([*command, "-H", bench.url, "-f", str(HERE / "locustfile.py")], bench, seconds, told, codes=(0, 1))
    stats = next(iter(json.loads(out[out.index("[") :])), None) if "[" in out else None
    if stats is None:
        raise Unmeasured("it sent nothing")
    _refuse(bool(stats["num_failures"]), f"{stats['num_failures']} answers were not the expected ones")
    return float(stats["num_requests"] / (stats["last_request_timestamp"] - stats["start_time"]))


def send(way: str, bench: Bench, seconds: float) -> Mapping[str, float]:
    """Run one of the loops that look at nothing; return its rate, and what an exchange costs.

    Raises:
        Unmeasured: it failed.
    """
    command = [sys.executable, "-m", "peers.sender", way, bench.url + PATH, f"{seconds:g}", str(bench.scenario)]
    figures: Mapping[str, float] = json.loads(_run(command, bench, seconds, _told(bench)))
    return figures


def run_loadcheck(bench: Bench, scenario: Path, out: Path, seconds: float, *options: str) -> Mapping[str, Any]:
    """Run loadcheck with its live view, and return its summary.

    Args:
        bench: Where to send.
        scenario: What to send.
        out: The run folder.
        seconds: How long the run lasts.
        options: More of them.

    Raises:
        Unmeasured: it failed, or not every answer was found right.
    """
    given = ("--url", bench.url, *bench.options, *options, "--out", str(out))
    with screen() as terminal:
        shown = {"TERM": "xterm-256color", "NO_COLOR": ""}
        command = [sys.executable, "-m", "loadcheck", "run", str(scenario), *given]
        _run(command, bench, seconds, shown, codes=(0, 2), output=terminal)
    summary: Mapping[str, Any] = json.loads((out / "summary.json").read_text())
    counts = summary["exchanges"]
    wrong = counts["sent"] - counts["ok"]
    _refuse(bool(wrong), f"{wrong} of {counts['sent']} answers were not ok: {summary['statuses']}")
    return summary


def checked(
    bench: Bench, seconds: float, transport: str = "wire", workers: int = 1, callers: int = CALLERS
) -> Mapping[str, Any]:
    """Return the summary of a closed loop: every answer judged, counted, recorded and shown.

    Raises:
        Unmeasured: it failed, or not every answer was found right.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ("--duration", f"{seconds:g}s", "--transport", transport, "--workers", str(workers))
        many = ("--set", f"load.steady.concurrency={callers}")
        return run_loadcheck(bench, bench.scenario, Path(folder) / "run", seconds, *options, *many)


def _loop(way: str) -> Callable[[Bench, float], float]:
    return lambda bench, seconds: send(way, bench, seconds)["rate"]


def _checked(transport: str, workers: int = 1, callers: int = CALLERS) -> Callable[[Bench, float], float]:
    return lambda bench, seconds: float(checked(bench, seconds, transport, workers, callers)["throughput_rps"])


WRK: Final = Tool("wrk", "nothing", wrk)
LOCUST: Final = Tool("Locust FastHttpUser", "the JSON", locust)
BARE: Final = Tool("bare aiohttp on uvloop", "nothing", _loop("bare"))
ENGINE: Final = Tool("loadcheck's engine, unchecked", "nothing", _loop("engine"))
CHECKED: Final = Tool("loadcheck run", "everything", _checked("wire"))
_BOTH: Final = 2 * CALLERS
"""So that each of two workers has as many as a run has elsewhere."""
ONE: Final = Tool(f"loadcheck run, {_BOTH} callers on one core", "everything", _checked("wire", 1, _BOTH))
TWO: Final = Tool(f"loadcheck run --workers 2, {_BOTH} callers on two cores", "everything", _checked("wire", 2, _BOTH))
TOOLS: Final = (
    WRK,
    Tool("hey", "nothing", hey),
    LOCUST,
    BARE,
    Tool("loadcheck's aiohttp transport", "nothing", _loop("aiohttp")),
    Tool("loadcheck's own transport", "nothing", _loop("wire")),
    ENGINE,
    Tool("loadcheck run --transport aiohttp", "everything", _checked("aiohttp")),
    CHECKED,
)
"""In the order of the table."""


def _headers(bench: Bench) -> list[str]:
    return [word for name, value in fields(bench.token).items() for word in ("-H", f"{name}: {value}")]


def _told(bench: Bench) -> dict[str, str]:
    return {"BENCH_TOKEN": bench.token, "BENCH_PATH": PATH}


def _run(
    command: list[str],
    bench: Bench,
    seconds: float,
    more: Mapping[str, str] | None = None,
    *,
    codes: tuple[int, ...] = (0,),
    output: int = subprocess.PIPE,
) -> str:
    """Run a tool on its cores to its end; return what it printed.

    Raises:
        Unmeasured: it failed.
    """
    try:
        with on(bench.tools):
            done = subprocess.run(
                command,
                check=False,
                cwd=HERE.parent,
                env={**os.environ, **(more or {}), **libraries(command[0])},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                timeout=seconds + _LATE_S,
            )
    except subprocess.TimeoutExpired:
        raise Unmeasured(f"did not end within {seconds + _LATE_S:.0f} s") from None
    except OSError as error:
        raise Unmeasured(f"cannot be started: {error.strerror}") from None
    printed = done.stdout or ""
    _refuse(done.returncode not in codes, f"exited with {done.returncode}: {_last_line(printed + done.stderr)}")
    return printed


def _last_line(text: str) -> str:
    """Return it without the folders of this machine."""
    lines = text.strip().splitlines()
    return re.sub(r"/\S*/", "", lines[-1])[:_WHY_LETTERS] if lines else "no word"


def _refuse(wrong: bool, why: str) -> None:  # noqa: FBT001 -- what is refused, and why
    if wrong:
        raise Unmeasured(why)


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise Unmeasured("it does not say how fast it was")
    return float(found[1])
