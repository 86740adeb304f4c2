"""How soon rare leaks are found: hunting against traffic by weight alone, over the same seeds.

    python bench/hunting.py [--seeds N] [--only NAME] [--out FILE]

Each leak has one embedded stack, with fresh backends before each run. The two schedules take turns. A run ends at its
first violation, or after so many exchanges that it counts as not found. Prints a table as Markdown.
"""

import argparse
import asyncio
import math
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import asyncpg
import uvloop
from pydantic import SecretStr

from loadcheck.clock import SystemClock
from loadcheck.errors import ExitCode
from loadcheck.judge.findings import Finding
from loadcheck.oracle.database import GONE
from loadcheck.record.tally import Tally
from loadcheck.run.interruption import Interruption
from loadcheck.run.observer import Gauges
from loadcheck.run.powers import Powers
from loadcheck.run.run import Run, RunOptions
from loadcheck.scenario.load import LoadedScenario, load
from loadcheck.scenario.phase import Hunt, Phase
from loadcheck.stack.stack import EmbeddedStack, embedded

ROOT: Final = Path(__file__).parents[1]
LEAKS: Final = ROOT / "scenarios" / "leaks"
POOLER: Final = "env PYTHONPATH=../../.. {python} -m tests.faulty.pooler --port {port} --upstream {upstream} --p 0.002"


@dataclass(frozen=True, slots=True)
class Leak:
    """What is looked for, and under which load.

    Attributes:
        callers: Of the closed loop that the schedules are compared in.
        most: Exchanges after which a run is given up.
        target: Exchanges within which 19 of 20 runs should find it; 0 without such a target.
    """

    name: str
    path: Path
    callers: int
    most: int
    target: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)

    def loaded(self, stack: EmbeddedStack, hunt: Hunt) -> LoadedScenario:
        """Return the scenario, aimed at a stack."""
        loaded = load(self.path, self.settings)
        phase = Phase(name="steady", concurrency=self.callers, requests=self.most)
        scenario = loaded.scenario.model_copy(update={"load": [phase], "hunt": hunt})
        found = {"url": stack.url, "database": SecretStr(stack.database), "jwt": stack.jwt}
        target = scenario.target.model_copy(update=found)
        return replace(loaded, scenario=scenario).hunting().aimed_at(target, embedded=True)


RARE_LEAKS: Final = (
    Leak(
        "A1, 1 % without the claim",
        LEAKS / "A1" / "leak.yaml",
        callers=8,
        most=3_000,
        target=500,
        settings={"identities.keeper.weight": "99", "identities.no-claim.weight": "1"},
    ),
    Leak("sticks 1 time in 1,000", ROOT / "bench" / "sticky" / "sticky.yaml", callers=8, most=24_000),
    Leak(
        "P1, p = 0.002, as many callers as backends",
        LEAKS / "P1" / "leak.yaml",
        callers=4,
        most=10_000,
        target=3_000,
        settings={"stack.pooler.run": POOLER},
    ),
    Leak(
        "P1, p = 0.002, twice as many callers",
        LEAKS / "P1" / "leak.yaml",
        callers=8,
        most=10_000,
        target=3_000,
        settings={"stack.pooler.run": POOLER},
    ),
)
BACKENDS: Final = 4  # in each of these scenarios
SCHEDULES: Final = {"by weight": Hunt(share=0), "hunting": Hunt()}


class _UntilFound(Interruption):
    """Ends a run in order at its first finding."""

    def soften(self, stop: Callable[[], None]) -> None:
        """Keep what ends the run."""
        self._stop = stop

    def found(self) -> None:
        """End the run."""
        self.code = ExitCode.INTERRUPTED
        self._stop()


class _Finder:
    """An observer that says nothing, and ends the run at its first finding."""

    def __init__(self, until_found: _UntilFound) -> None:
        self._until_found = until_found

    def step(self, text: str) -> None:
        """Say nothing."""

    def started(self, tally: Tally, gauges: Gauges) -> None:
        """Say nothing."""

    def finding(self, finding: Finding) -> None:  # noqa: ARG002 -- an observer's signature
        """End the run."""
        self._until_found.found()

    def finished(self) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """When a run had its first violation: after so many exchanges, infinitely many when there was none, and seconds."""

    exchanges: float
    seconds: float


async def look(leak: Leak, stack: EmbeddedStack, hunt: Hunt, seed: int) -> Found:
    """Run until the first violation."""
    until_found = _UntilFound()
    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(seed, Path(folder) / "run")
        powers = Powers(breaks=stack.breaks)
        run = Run(leak.loaded(stack, hunt), options, _Finder(until_found), until_found, SystemClock(), powers)
        ended = await run.run()
    found = [Found(finding["seq"] + 1, finding["first_s"]) for finding in ended.findings]
    return min(found, key=lambda one: one.exchanges, default=Found(math.inf, ended.summary["duration_s"]))


async def settled(stack: EmbeddedStack) -> None:
    """Hold every backend at once, again and again until it works: by then the pooler knows which have ended.

    What a faulty pooler has left open on one of them is rolled back as the connection closes.
    """
    while not all(await asyncio.gather(*(_held(stack) for _ in range(BACKENDS)))):
        pass


async def _held(stack: EmbeddedStack) -> bool:
    """Return whether a backend answered, having held it for a moment."""
    connection = await asyncpg.connect(stack.pooled_database)
    try:
        await connection.execute("SELECT pg_sleep(0.2)")
    except (asyncpg.PostgresError, *GONE):
        return False
    finally:
        connection.terminate()
    return True


async def compare(leak: Leak, seeds: int) -> dict[str, list[Found]]:
    """Return what each schedule found with each seed."""
    found: dict[str, list[Found]] = {name: [] for name in SCHEDULES}
    base = load(leak.path, leak.settings)
    async with embedded(base.scenario, base.folder) as stack:
        for seed in range(1, seeds + 1):
            for name, hunt in SCHEDULES.items():
                await stack.freshen()
                await settled(stack)
                found[name].append(await look(leak, stack, hunt, seed))
                print(f"{leak.name}, seed {seed}, {name}: {found[name][-1]}", flush=True)
    return found


Measured = Sequence[tuple[Leak, Mapping[str, Sequence[Found]]]]


def table(measured: Measured) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| leak | schedule | found | exchanges: median (quartiles) | fewer | seconds: median | sooner |"
    yield "|---|---|---|---|---|---|---|"
    for leak, found in measured:
        slow, fast = ([min(run.exchanges, leak.most + 1) for run in runs] for runs in found.values())
        fewer = _times(statistics.median(slow), statistics.median(fast), leak)
        sooner = f"{_seconds(found['by weight']) / _seconds(found['hunting']):.1f} times"
        for (name, runs), exchanges, gains in zip(
            found.items(), (slow, fast), (("", ""), (fewer, sooner)), strict=True
        ):
            caught = sum(run.exchanges <= leak.most for run in runs)
            cells = (leak.name, name, f"{caught} of {len(runs)}", _spread(exchanges, leak), gains[0])
            yield f"| {' | '.join(cells)} | {_seconds(runs):.2f} | {gains[1]} |"


def targets(measured: Measured) -> Iterator[str]:
    """Yield a line for each leak that 19 of 20 runs should find within a number of exchanges."""
    for leak, found in measured:
        for name, runs in found.items() if leak.target else ():
            soon = sum(run.exchanges <= leak.target for run in runs)
            yield f"* {leak.name}, {name}: within {leak.target:,} exchanges in {soon} of {len(runs)} seeds."


def _spread(exchanges: Sequence[float], leak: Leak) -> str:
    low, middle, high = (_told(quartile, leak) for quartile in statistics.quantiles(exchanges, n=4))
    return f"{middle} ({low} to {high})"


def _told(exchanges: float, leak: Leak) -> str:
    return f"{exchanges:,.0f}" if exchanges <= leak.most else f"more than {leak.most:,}"


def _times(slow: float, fast: float, leak: Leak) -> str:
    return f"{slow / fast:.1f} times" if slow <= leak.most else f"more than {leak.most / fast:.1f} times"


def _seconds(runs: Sequence[Found]) -> float:
    """Return the median of the seconds until the first violation, or until the run was given up."""
    return statistics.median(run.seconds for run in runs)


async def measure(seeds: int, only: str) -> list[str]:
    """Measure, and return the report's lines."""
    leaks = [leak for leak in RARE_LEAKS if leak.name.startswith(only)]
    measured = [(leak, await compare(leak, seeds)) for leak in leaks]
    return ["# How soon rare leaks are found", "", *_setting(seeds), "", *table(measured), "", *targets(measured)]


def _setting(seeds: int) -> Iterator[str]:
    yield f"Made by `{' '.join(['python', *sys.argv])}` with Python {platform.python_version()}"
    yield f"on {platform.system()} {platform.machine()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}."
    yield f"Seeds 1 to {seeds}, each with both schedules in turn, on fresh backends. A run ends at its first violation;"
    yield "seconds count from the first exchange."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", default="", help="leaks whose name begins so")
    parser.add_argument("--out", type=Path, help="write the report there, too")
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = "\n".join(runner.run(measure(given.seeds, given.only)))
    print(report)
    if given.out is not None:
        given.out.write_text(f"{report}\n")
