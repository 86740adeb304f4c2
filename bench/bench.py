"""Loadcheck beside other load tools, in one run on one machine; what is missing is told, and the rest measured.

    python bench/bench.py [--rounds N] [--seconds S] [--out FILE.md]

Writes the page, and a plot beside it where the Python named by BENCH_PYTHON has matplotlib.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from peers.page import page
from peers.rounds import Results, measure
from peers.target import HERE, Bench, null_server, real_stack
from peers.tools import CREWS, TOOLS, Unmeasured, run_loadcheck

from loadcheck.errors import LoadcheckError


def null(rounds: int, seconds: float) -> tuple[list[Results], float | None]:
    """Measure everything against the server that does nothing; return the memory of a checked run, too."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with null_server(Path(folder)) as bench:
                return measure(bench, (*TOOLS, *CREWS), rounds, seconds), memory(bench)
        except (OSError, TimeoutError) as reason:
            print(f"the null server cannot be started: {reason}", file=sys.stderr)
            return [], None


def memory(bench: Bench) -> float | None:
    """Return the largest memory of a checked run, in MB; None where it could not be measured."""
    try:
        return float(run_loadcheck(bench, 1, "wire", 1, pinned=True)["generator"]["rss_max_mb"])
    except Unmeasured:
        return None


async def real(rounds: int, seconds: float) -> list[Results]:
    """Measure everything against the real stack."""
    try:
        async with real_stack() as bench:
            return await asyncio.to_thread(measure, bench, TOOLS, rounds, seconds)
    except LoadcheckError as reason:
        print(f"the real stack cannot be started: {reason.message}", file=sys.stderr)
        return []


def plotted(results: Sequence[Results], path: Path) -> str:
    """Draw the plot; return its name, or nothing where it cannot be drawn."""
    servers: dict[str, list[dict[str, object]]] = {}
    for one in results:
        if one.rates:
            figures = {"rate": one.rate, "least": min(one.rates), "most": max(one.rates)}
            servers.setdefault(one.server, []).append({"tool": one.tool, **figures})
    command = [os.environ.get("BENCH_PYTHON", sys.executable), str(HERE / "plot.py"), str(path)]
    done = subprocess.run(command, check=False, input=json.dumps(servers), text=True, capture_output=True)
    if done.returncode:
        print(f"no plot: {(done.stderr.strip().splitlines() or ['no word'])[-1]}", file=sys.stderr)
    return "" if done.returncode else path.name


def main() -> None:
    """Measure, write the page and print it."""
    parser = argparse.ArgumentParser(description="Measure loadcheck beside other load tools.")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--out", type=Path, default=Path("reports/examples/bench.md"))
    given = parser.parse_args()
    measured, used = null(given.rounds, given.seconds)
    results = [*measured, *asyncio.run(real(given.rounds, given.seconds))]
    told = page(results, given.rounds, given.seconds, used, plotted(results, given.out.with_suffix(".svg")))
    given.out.write_text(told)
    print(told)


if __name__ == "__main__":
    main()
