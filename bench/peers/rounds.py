"""Rounds: every tool in turn, again and again, so that whatever else the machine does hits all of them."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from peers.target import Bench
from peers.tools import Tool, Unmeasured


@dataclass(slots=True)
class Results:
    """What one tool got from one server.

    Attributes:
        server: The server's name.
        rates: Answers a second, by round.
        unmeasured: Why there is none in some round; empty where there is one in each.
    """

    server: str
    tool: Tool
    rates: dict[int, float] = field(default_factory=dict)
    unmeasured: str = ""

    @property
    def rate(self) -> float:
        """The median."""
        return median(self.rates.values())


def measure(rows: Sequence[tuple[Bench, Tool]], rounds: int, seconds: float, most: float) -> list[Results]:
    """Return what each tool got from its server, as far as it could be measured.

    Args:
        rows: What is measured in each round, in order.
        rounds: How often.
        seconds: How long each tool sends in a round.
        most: Seconds after which no further round begins.
    """
    results = [Results(bench.name, tool) for bench, tool in rows]
    began = time.monotonic()
    for number in range(rounds):
        if number and time.monotonic() > began + most:
            print(f"no more rounds after {most:g} s", file=sys.stderr)
            break
        for (bench, tool), result in zip(rows, results, strict=True):
            told = _measure(tool, bench, seconds, number, result)
            print(f"{bench.name}, round {number + 1} of {rounds}: {tool.name}: {told}", file=sys.stderr, flush=True)
    return results


def ratio(results: Sequence[Results], tool: tuple[str, Tool], base: tuple[str, Tool]) -> float | None:
    """Return the median of how many times as fast as the base a tool was in each round; None where there is none.

    Args:
        results: Of all rounds.
        tool: A server's name, and what was measured with it.
        base: The same of what it is held against.
    """
    rates = {(one.server, one.tool.name): one.rates for one in results}
    mine, theirs = (rates.get((server, one.name), {}) for server, one in (tool, base))
    ratios = [mine[number] / theirs[number] for number in mine.keys() & theirs.keys() if theirs[number]]
    return median(ratios) if ratios else None


def _measure(tool: Tool, bench: Bench, seconds: float, number: int, result: Results) -> str:
    try:
        result.rates[number] = tool.measure(bench, seconds)
    except Unmeasured as reason:
        result.unmeasured = str(reason)
        return result.unmeasured
    return f"{result.rates[number]:,.0f} a second"
