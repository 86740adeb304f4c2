"""What an exchange costs, on one core against an nginx that answers with a fixed body from another.

    python bench/wire.py [ROUNDS [SECONDS]]

Prints, for each way to send, the median and the spread of exchanges a second and of CPU microseconds an exchange, over
rounds that alternate between them. `checked` is a whole `loadcheck run`: every answer judged, counted, recorded, shown.
The CPU time tells more than the rate where other programs use the machine as well.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from peers.target import Bench, first_core, last_core, null_server
from peers.tools import checked, send

WAYS: Final = (
    "unchecked wire",
    "unchecked aiohttp",
    "unchecked bare",
    "unchecked engine",
    "checked wire",
    "checked aiohttp",
)


def measure(way: str, bench: Bench, seconds: float) -> tuple[float, float]:
    """Return exchanges a second, and CPU microseconds an exchange.

    Raises:
        Unmeasured: not every answer was right.
    """
    how, by = way.split()
    if how == "unchecked":
        figures = send(by, bench, seconds)
        return figures["rate"], figures["cpu_us"]
    told = checked(bench, seconds, by)
    return told["throughput_rps"], told["generator"]["cpu_s"] / told["exchanges"]["sent"] * 1e6


def table(seen: dict[str, list[tuple[float, float]]]) -> Sequence[str]:
    """Return the lines of the table."""
    base = median(cpu for _, cpu in seen[WAYS[0]])
    lines = [f"{'':20}{'a second':>10}{'spread':>18}{'us CPU':>9}{'spread':>14}{'x ' + WAYS[0]:>18}"]
    for way, results in seen.items():
        rates, cpus = zip(*results, strict=True)
        rate, cpu = median(rates), median(cpus)
        spread = (f"{min(rates):,.0f}-{max(rates):,.0f}", f"{min(cpus):.0f}-{max(cpus):.0f}")
        lines.append(f"{way:20}{rate:10,.0f}{spread[0]:>18}{cpu:9.1f}{spread[1]:>14}{cpu / base:18.2f}")
    return lines


def main(rounds: int, seconds: float) -> None:
    """Measure every way in turn, and print the table."""
    seen: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    with (
        tempfile.TemporaryDirectory() as folder,
        null_server(Path(folder), "", cores=last_core(), tools=first_core()) as bench,
    ):
        for _ in range(rounds):
            for way, results in seen.items():
                results.append(measure(way, bench, seconds))
    print(*table(seen), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure what an exchange costs.")
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("seconds", type=float, nargs="?", default=2.0)
    given = parser.parse_args()
    main(given.rounds, given.seconds)
