"""Loadcheck beside other load tools, in one run on one machine; what cannot be measured is told, and the rest is.

    python bench/bench.py [--rounds N] [--seconds S] [--identities N] [--out FILE.md]

Writes the page, and a plot beside it where the Python named by BENCH_PYTHON has matplotlib.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, TypeVar

import identities
import stamp
from peers.machine import load
from peers.pacing import Pacing, pacing
from peers.page import Conditions, page
from peers.rounds import Results, measure
from peers.target import HERE, Bench, all_cores, first_core, last_core, null_server, real_stack
from peers.tools import BENCH_PYTHON, CHECKED, ONE, TOOLS, TWO, Unmeasured, checked
from peers.wanted import NULL, REAL, SHARED, Measured, Perhaps

from loadcheck.errors import LoadcheckError

# So that all of it takes a quarter of an hour at most, also where every step is slow.
_ROUNDS_S: Final = 200.0
_STEP_S: Final = 100.0

T = TypeVar("T")


def perhaps(step: Callable[[], T]) -> Perhaps[T]:
    """Return what a step measures, or why it could not."""
    try:
        return step()
    except Unmeasured as reason:
        return reason
    except LoadcheckError as problem:
        return Unmeasured(problem.message)
    except TimeoutError:
        return Unmeasured("it took too long")
    except OSError as error:
        return Unmeasured(error.strerror or str(error))


def in_time(step: Callable[[], Coroutine[Any, Any, T]]) -> Perhaps[T]:
    """Return what a step measures, unless it takes too long."""

    async def bounded() -> T:
        async with asyncio.timeout(_STEP_S):
            return await step()

    return perhaps(lambda: asyncio.run(bounded()))


def beside_null(rounds: int, seconds: float) -> tuple[list[Results], Perhaps[float], Perhaps[Pacing]]:
    """Measure everything that needs a server that does nothing: the tools, one worker and two, memory and pacing."""
    two_cores = frozenset(sorted(all_cores())[:2])
    servers = (
        (NULL, last_core(), first_core()),
        (SHARED, first_core(), first_core()),
        (SHARED, two_cores, two_cores),
    )
    with tempfile.TemporaryDirectory() as folder, ExitStack() as started:
        try:
            alone, one, two = (
                started.enter_context(null_server(Path(tempfile.mkdtemp(dir=folder)), name, cores=cores, tools=tools))
                for name, cores, tools in servers
            )
        except OSError as error:
            reason = Unmeasured(f"nginx cannot be started: {error.strerror or error}")
            rows = [*((NULL, tool) for tool in TOOLS), (SHARED, ONE), (SHARED, TWO)]
            return [Results(name, tool, unmeasured=str(reason)) for name, tool in rows], reason, reason
        results = measure([*((alone, tool) for tool in TOOLS), (one, ONE), (two, TWO)], rounds, seconds, _ROUNDS_S)
        return results, perhaps(lambda: memory(alone, seconds)), perhaps(lambda: pacing(alone, half_of(results)))


def memory(bench: Bench, seconds: float) -> float:
    """Return the largest memory of a checked run with 1,000 identities, in MB.

    Raises:
        Unmeasured: the run failed.
    """
    return float(checked(bench, seconds)["generator"]["rss_max_mb"])


def half_of(results: Sequence[Results]) -> float:
    """Return half of what a checked run carries on one core.

    Raises:
        Unmeasured: that is not known.
    """
    (found,) = (one for one in results if (one.server, one.tool) == (NULL, CHECKED))
    if not found.rates:
        raise Unmeasured(found.unmeasured)
    return found.rate / 2


async def beside_real(rounds: int, seconds: float) -> list[Results]:
    """Measure all tools against the real stack."""
    try:
        async with real_stack(REAL) as bench:
            return await asyncio.to_thread(measure, [(bench, tool) for tool in TOOLS], rounds, seconds, _ROUNDS_S)
    except LoadcheckError as problem:
        return [Results(REAL, tool, unmeasured=problem.message) for tool in TOOLS]


async def start(count: int) -> float:
    """Return the seconds that the tokens and expected answers of so many identities take."""
    with tempfile.TemporaryDirectory() as folder:
        return await identities.measure(Path(folder), count)


def plotted(results: Sequence[Results], path: Path) -> str:
    """Draw the plot; return its name, or nothing where it cannot be drawn."""
    servers: dict[str, list[dict[str, object]]] = {}
    for one in results:
        if one.rates:
            figures = {"rate": one.rate, "least": min(one.rates.values()), "most": max(one.rates.values())}
            servers.setdefault(one.server, []).append({"tool": one.tool.name, **figures})
    command = [str(BENCH_PYTHON), str(HERE / "plot.py"), str(path)]
    done = subprocess.run(command, check=False, input=json.dumps(servers), text=True, capture_output=True)
    if done.returncode:
        print(f"no plot: {(done.stderr.strip().splitlines() or ['no word'])[-1]}", file=sys.stderr)
    return "" if done.returncode else path.name


def main() -> None:
    """Measure, write the page and print it."""
    parser = argparse.ArgumentParser(description="Measure loadcheck beside other load tools.")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--identities", type=int, default=identities.IDENTITIES)
    parser.add_argument("--out", type=Path, default=Path("reports/examples/bench.md"))
    given = parser.parse_args()
    conditions = Conditions(given.rounds, given.seconds, given.identities, load())
    null, used, paced = beside_null(given.rounds, given.seconds)
    results = [*null, *asyncio.run(beside_real(given.rounds, given.seconds))]
    measured = Measured(used, paced, in_time(lambda: start(given.identities)))
    price = in_time(stamp.measure)
    told = page(results, measured, price, conditions, plotted(results, given.out.with_suffix(".svg")))
    given.out.write_text(told)
    print(told)


if __name__ == "__main__":
    main()
