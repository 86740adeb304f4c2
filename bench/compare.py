"""Whether `compare` can be believed: real pairs of runs, of one build and with 20 ms added, on one embedded stack.

    python bench/compare.py [--pairs N] [--seconds S] [--out FILE]

Everything is sent through the proxy that scenarios' network faults are made with: in every other run it carries what
passes as it comes, in the others 10 ms later in each direction. Each run is compared with the plain one before it;
two plain ones have a delayed one between them. Prints a table as Markdown.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import urlsplit

import uvloop
from pydantic import SecretStr

from loadcheck.clock import SystemClock
from loadcheck.engine.randomness import source
from loadcheck.judge.findings import Finding
from loadcheck.record.stored_run import StoredRun
from loadcheck.record.tally import Tally
from loadcheck.report.compare.comparison import Change, Comparison, Measured, compare
from loadcheck.run.interruption import Interruption
from loadcheck.run.observer import Gauges
from loadcheck.run.run import Run, RunOptions
from loadcheck.scenario.fault import Fault, FaultKind
from loadcheck.scenario.load import LoadedScenario, load
from loadcheck.scenario.phase import Hunt, Phase
from loadcheck.scenario.thresholds import Thresholds
from loadcheck.stack.construction import embedded
from loadcheck.stack.network import Stretch
from loadcheck.stack.ports import LOOPBACK, free_ports

PETS: Final = Path(__file__).parents[1] / "scenarios" / "pets.yaml"
DELAY: Final = Fault(do=FaultKind.SLOW, latency=0.01)  # in each direction, so 20 ms an answer
TOLERANCE: Final = 0.25
RATE: Final = 60.0  # arrivals a second, which leave the machine time: a queue would hide a delay


class _Unseen:
    """An observer that says nothing."""

    def step(self, text: str) -> None:
        """Say nothing."""

    def started(self, tally: Tally, gauges: Gauges) -> None:
        """Say nothing."""

    def finding(self, finding: Finding) -> None:
        """Say nothing."""

    def finished(self) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A stack behind a proxy."""

    loaded: LoadedScenario
    proxy: Stretch

    async def run(self, folder: Path, seed: int, *, slow: bool) -> StoredRun:
        """Run once."""
        async with self.proxy.breaking(DELAY, source(seed)) if slow else nullcontext():
            await Run(self.loaded, RunOptions(seed, folder), _Unseen(), Interruption(), SystemClock()).run()
        return StoredRun.read(folder)


@asynccontextmanager
async def bench(seconds: float) -> AsyncIterator[Bench]:
    """Yield the stack, for as long as the context lasts."""
    loaded, proxy = load(PETS), Stretch(SystemClock())
    phases = [
        Phase(name="warm-up", rate=RATE, duration=1.0, measure=False),
        Phase(name="steady", rate=RATE, duration=seconds),
    ]
    change = {"load": phases, "hunt": Hunt(share=0), "thresholds": Thresholds()}
    scenario = loaded.scenario.model_copy(update=change)
    async with embedded(scenario, loaded.folder) as stack:
        await proxy.open(urlsplit(stack.url).port or 0, *free_ports(1))
        found = {
            "url": f"http://{LOOPBACK}:{proxy.port}",
            "database": SecretStr(stack.database),
            "jwt": stack.jwt,
        }
        try:
            yield Bench(replace(loaded, scenario=scenario).aimed_at(scenario.target.model_copy(update=found)), proxy)
        finally:
            await proxy.close()


@dataclass(frozen=True, slots=True)
class Pair:
    """One comparison, and how loaded the machine was."""

    comparison: Comparison
    load: float

    @property
    def told(self) -> str:
        """What `compare` said."""
        if self.comparison.regressed:
            return "worse"
        return "no regression" if self.comparison.conclusive else "not to be told"

    @property
    def p50(self) -> Measured:
        """The median latency."""
        return next(each for each in self.comparison.measured if each.name == "p50")

    @property
    def slowdown(self) -> tuple[float, float]:
        """How many times longer loadcheck's own work took, in the base and in the run."""
        return self.comparison.slowdown["steady"]


async def pairs(number: int, seconds: float, keep: Path) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs of one build, and those with the delay."""
    same: list[Pair] = []
    delayed: list[Pair] = []
    async with bench(seconds) as there:
        base = await there.run(keep / "plain-0", 0, slow=False)
        for pair in range(1, number + 1):
            slow = await there.run(keep / f"slow-{pair}", 2 * pair - 1, slow=True)
            plain = await there.run(keep / f"plain-{pair}", 2 * pair, slow=False)
            for kept, run in ((same, plain), (delayed, slow)):
                kept.append(Pair(compare(base, run, TOLERANCE), os.getloadavg()[0]))
            print(pair, "one build:", same[-1].told, "| with the delay:", delayed[-1].told, file=sys.stderr, flush=True)
            base = plain
    return same, delayed


def report(same: Sequence[Pair], delayed: Sequence[Pair], seconds: float) -> Iterator[str]:
    """Yield the lines of the report."""
    yield "# Whether `compare` can be believed"
    yield ""
    yield f"Made by `{' '.join(['python', *sys.argv])}` with Python {platform.python_version()}"
    yield f"on {platform.system()} {platform.machine()}, {os.cpu_count()} cores, load averages of {_loads(same)}."
    yield f"Runs of {seconds:g} s at {RATE:g}/s on one embedded stack, in turn as it is and with 20 ms added to each"
    yield f"answer by a proxy; each is compared with the plain one before it, with a tolerance of {TOLERANCE:.0%}."
    yield ""
    yield "| pairs | no regression | worse | not to be told | p50 of base, median | change of p50, median |"
    yield "|---|---|---|---|---|---|"
    yield _row("one build", same)
    yield _row("20 ms added", delayed)
    yield ""
    yield "| pair | load | slowdown, base and run | one build | p50 | slowdown, base and run | 20 ms added | p50 |"
    yield "|---|---|---|---|---|---|---|---|"
    for number, (one, other) in enumerate(zip(same, delayed, strict=True), 1):
        yield f"| {number} | {one.load:.1f} | {_cells(one)} | {_cells(other)} |"


def _row(name: str, told: Sequence[Pair]) -> str:
    counts = [sum(pair.told == word for pair in told) for word in ("no regression", "worse", "not to be told")]
    base = median(pair.p50.base or 0.0 for pair in told)
    change = median(pair.p50.effect.value for pair in told if pair.p50.effect)
    return f"| {name} | {' | '.join(map(str, counts))} | {base:.1f} ms | {change:+.0%} |"


def _cells(pair: Pair) -> str:
    before, after = pair.slowdown
    found = pair.p50.effect
    change = "-" if found is None else f"{found.value:+.0%} ({found.low:+.0%} to {found.high:+.0%})"
    sign = " ✘" if pair.p50.change is Change.WORSE else ""
    return f"{before:.1f}, {after:.1f} | {pair.told} | {change}{sign}"


def _loads(same: Sequence[Pair]) -> str:
    loads = [pair.load for pair in same]
    return f"{min(loads):.1f} to {max(loads):.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--out", type=Path, help="write the report there, too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        compared = runner.run(pairs(given.pairs, given.seconds, Path(scratch)))
    told = "\n".join(report(*compared, given.seconds))
    print(told)
    if given.out is not None:
        given.out.write_text(f"{told}\n")
