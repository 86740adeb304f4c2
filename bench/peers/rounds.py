"""Rounds: every tool in turn, again and again, so that whatever else the machine does hits all of them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from peers.target import Bench
from peers.tools import Tool, Unmeasured


@dataclass(slots=True)
class Results:
    """What one tool got from one server.

    Attributes:
        rates: Answers a second, one for each round.
        unmeasured: Why there are none; empty where there are.
    """

    server: str
    tool: str
    checks: str
    rates: list[float] = field(default_factory=list)
    unmeasured: str = ""

    @property
    def rate(self) -> float:
        """The median."""
        return median(self.rates)


def measure(bench: Bench, tools: Sequence[Tool], rounds: int, seconds: float) -> list[Results]:
    """Return what each tool got, as far as it could be measured."""
    results = [Results(bench.name, tool.name, tool.checks) for tool in tools]
    for number in range(rounds):
        for tool, result in zip(tools, results, strict=True):
            _measure(tool, result, bench, seconds)
            told = result.unmeasured or f"{result.rates[-1]:,.0f} a second"
            print(f"{bench.name}, round {number + 1} of {rounds}: {tool.name}: {told}", file=sys.stderr, flush=True)
    return results


def ratio(results: Sequence[Results], server: str, tool: str, base: str) -> float | None:
    """Return the median of how many times as fast as the base a tool was in each round; None where one is missing."""
    rates = {one.tool: one.rates for one in results if one.server == server and not one.unmeasured}
    pairs = zip(rates.get(tool, ()), rates.get(base, ()), strict=False)
    ratios = [mine / theirs for mine, theirs in pairs if theirs]
    return median(ratios) if ratios else None


def _measure(tool: Tool, result: Results, bench: Bench, seconds: float) -> None:
    if result.unmeasured:
        return
    try:
        result.rates.append(tool.measure(bench, seconds))
    except Unmeasured as reason:
        result.unmeasured = str(reason)
