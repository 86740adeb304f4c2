"""How soon rare leaks are found: hunting against traffic by weight alone, over the same seeds.

    python bench/hunting.py [--seeds N] [--minutes N] [--only NAME] [--out FILE]

Each leak has one embedded stack, with fresh backends before each run. A run ends at its first violation, or after so
many exchanges that it counts as not found: without hunting after six times as many as the median of hunting. Once more
than half of the runs without hunting were given up, the others cannot change their median, and are left out. Prints a
table as Markdown, and the median over the rare leaks of how many times fewer exchanges hunting takes.
"""

import argparse
import asyncio
import math
import os
import platform
import statistics
import sys
import tempfile
import time
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
from loadcheck.run.faults.powers import Powers
from loadcheck.run.interruption import Interruption
from loadcheck.run.observer import Gauges
from loadcheck.run.run import Run, RunOptions
from loadcheck.scenario.load import LoadedScenario, load
from loadcheck.scenario.phase import Hunt, Phase
from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack

ROOT: Final = Path(__file__).parents[1]
LEAKS: Final = ROOT / "scenarios" / "leaks"
POOLER: Final = "env PYTHONPATH=../../.. {python} -m tests.faulty.pooler --port {port} --upstream {upstream} --p 0.002"


@dataclass(frozen=True, slots=True)
class Leak:
    """What is looked for, and under which load.

    Attributes:
        name: Up to the first comma, the rare leak that it is: several rows may show one.
        callers: Of the closed loop that the schedules are compared in.
        most: Exchanges after which a run is given up, hunting.
        target: Exchanges within which 19 of 20 runs should find it; 0 without such a target.
    """

    name: str
    path: Path
    callers: int
    most: int
    target: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)

    def loaded(self, stack: EmbeddedStack, hunt: Hunt, most: int) -> LoadedScenario:
        """Return the scenario, aimed at a stack."""
        loaded = load(self.path, self.settings)
        phase = Phase(name="steady", concurrency=self.callers, requests=most)
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
    Leak("sticky, 1 time in 1,000", ROOT / "bench" / "sticky" / "sticky.yaml", callers=8, most=24_000),
)
BACKENDS: Final = 4  # in each of these scenarios
BY_WEIGHT: Final = Hunt(share=0)
HUNTING: Final = Hunt()
FEWEST: Final = 3_000  # exchanges after which a run without hunting may be given up
TIMES: Final = 6  # as many exchanges as the median of hunting, likewise
OF_P1: Final = (
    "P1 strikes whoever is there, so its faults come as often under every order of inputs. They show where somebody",
    "waits for the backend that is handed on too soon: hunting gains by its crowd where a scenario has too few callers",
    "for that, and nothing where it has them.",
)
WANTED: Final = 5  # times fewer exchanges, in the median over the rare leaks


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


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a leak's runs have found.

    Attributes:
        most: Exchanges after which the runs without hunting were given up.
        seeds: How many there were to be of each.
    """

    leak: Leak
    hunting: Sequence[Found]
    by_weight: Sequence[Found]
    most: int
    seeds: int

    @property
    def medians(self) -> tuple[float, float]:
        """The median of the exchanges, without hunting and hunting; infinite where it is not within what was sent."""
        return self._median_by_weight(), statistics.median(run.exchanges for run in self.hunting)

    @property
    def times(self) -> tuple[float, bool]:
        """How many times fewer exchanges hunting takes, and whether it is more than that."""
        slow, fast = self.medians
        return min(slow, self.most) / fast, math.isinf(slow)

    def _median_by_weight(self) -> float:
        given_up = sum(math.isinf(run.exchanges) for run in self.by_weight)
        if given_up > self.seeds / 2:
            return math.inf
        return statistics.median(run.exchanges for run in self.by_weight)


async def look(leak: Leak, stack: EmbeddedStack, hunt: Hunt, seed: int, most: int) -> Found:
    """Run on fresh backends until the first violation, or until so many exchanges were sent."""
    await stack.freshen()
    await settled(stack)
    until_found = _UntilFound()
    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(seed, Path(folder) / "run")
        powers = Powers(renew=stack.renew)
        run = Run(leak.loaded(stack, hunt, most), options, _Finder(until_found), until_found, SystemClock(), powers)
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


async def compare(leak: Leak, seeds: int, until: float) -> Comparison:
    """Compare the two schedules over the same seeds, the one without hunting for as long as there is time."""
    base = load(leak.path, leak.settings)
    async with embedded(base.scenario, base.folder) as stack:
        hunting = [await _told(leak, stack, HUNTING, seed, leak.most) for seed in range(1, seeds + 1)]
        fast = statistics.median(run.exchanges for run in hunting)
        most = leak.most if math.isinf(fast) else max(FEWEST, math.ceil(TIMES * fast))
        by_weight: list[Found] = []
        for seed in range(1, seeds + 1):
            by_weight.append(await _told(leak, stack, BY_WEIGHT, seed, most))
            given_up = sum(math.isinf(run.exchanges) for run in by_weight)
            if given_up > seeds / 2 or time.monotonic() > until:
                break
    return Comparison(leak, hunting, by_weight, most, seeds)


async def _told(leak: Leak, stack: EmbeddedStack, hunt: Hunt, seed: int, most: int) -> Found:
    found = await look(leak, stack, hunt, seed, most)
    print(f"{leak.name}, seed {seed}, hunting {hunt.share:.0%}: {found}", file=sys.stderr, flush=True)
    return found


def table(measured: Sequence[Comparison]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| leak | schedule | found | exchanges: median (quartiles) | fewer | seconds: median |"
    yield "|---|---|---|---|---|---|"
    for one in measured:
        slow, fast = one.medians
        yield _row(one, "by weight", one.by_weight, one.most, slow, "")
        yield _row(one, "hunting", one.hunting, one.leak.most, fast, _times(*one.times))


def _row(one: Comparison, schedule: str, runs: Sequence[Found], most: int, median: float, fewer: str) -> str:
    found = f"{sum(math.isfinite(run.exchanges) for run in runs)} of {len(runs)}"
    counts = [min(run.exchanges, most + 1) for run in runs]
    low, _, high = statistics.quantiles(counts * 2 if len(counts) == 1 else counts, n=4, method="inclusive")
    exchanges = f"{_exchanges(median, most)} ({_exchanges(low, most)} to {_exchanges(high, most)})"
    seconds = f"{statistics.median(run.seconds for run in runs):.2f}"
    return f"| {one.leak.name} | {schedule} | {found} | {exchanges} | {fewer} | {seconds} |"


def _exchanges(count: float, most: int) -> str:
    return f"{count:,.0f}" if count <= most else f"more than {most:,}"


def _times(times: float, more: bool) -> str:  # noqa: FBT001 -- the two belong together
    return f"{'more than ' if more else ''}{times:.1f} times"


def overall(measured: Sequence[Comparison]) -> Iterator[str]:
    """Yield the median over the rare leaks; of several rows of one leak the least counts."""
    leaks: dict[str, tuple[float, bool]] = {}
    for one in measured:
        name = one.leak.name.partition(",")[0]
        leaks[name] = min(leaks.get(name, one.times), one.times)
    middle = sorted(leaks.values())[(len(leaks) - 1) // 2]
    told = ", ".join(f"{name} {_times(*times)}" for name, times in leaks.items())
    yield f"**In the median over {len(leaks)} rare leaks, hunting takes {_times(*middle)} fewer exchanges** ({told}):"
    yield f"{'at least' if middle[0] >= WANTED else 'NOT'} the {WANTED} times that are wanted."


def targets(measured: Sequence[Comparison]) -> Iterator[str]:
    """Yield a line for each leak that 19 of 20 hunting runs should find within a number of exchanges."""
    for one in measured:
        if one.leak.target:
            name, most = one.leak.name, one.leak.target
            soon = sum(run.exchanges <= most for run in one.hunting)
            yield f"* {name}: hunting finds it within {most:,} exchanges in {soon} of {one.seeds} seeds."


async def measure(seeds: int, minutes: float, only: str) -> list[str]:
    """Measure, and return the report's lines."""
    until = time.monotonic() + minutes * 60
    measured = [await compare(leak, seeds, until) for leak in RARE_LEAKS if leak.name.startswith(only)]
    title = "# How soon rare leaks are found"
    results = [*table(measured), "", *overall(measured), "", *targets(measured)]
    return [title, "", *_setting(seeds), "", *results, "", *OF_P1]


def _setting(seeds: int) -> Iterator[str]:
    yield f"Made by `{' '.join(['python', *sys.argv])}` with Python {platform.python_version()}"
    yield f"on {platform.system()} {platform.machine()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}."
    yield f"Seeds 1 to {seeds}, on fresh backends. A run ends at its first violation, or is given up after {FEWEST:,}"
    yield f"exchanges or {TIMES} times the median of hunting, whichever is more; seconds count from the first exchange."
    yield "Once more than half of the runs by weight were given up their median is known, and the rest is left out."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=14, help="after which no more runs without hunting begin")
    parser.add_argument("--only", default="", help="leaks whose name begins so")
    parser.add_argument("--out", type=Path, help="write the report there, too")
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = "\n".join(runner.run(measure(given.seeds, given.minutes, given.only)))
    print(report)
    if given.out is not None:
        given.out.write_text(f"{report}\n")
