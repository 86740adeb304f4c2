"""The page that tells what was measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from peers.machine import machine, versions
from peers.pacing import Pacing
from peers.rounds import Results, ratio
from peers.target import CALLERS
from peers.tools import BARE, LOCUST, WRK, Unmeasured
from peers.wanted import Measured, Perhaps, numbers

_BESIDE: Final = (WRK, LOCUST, BARE)
_HEAD: Final = """\
# Beside other load tools

Made by `make bench`: {rounds} rounds of {seconds:g} s for each tool, in turns, over {callers} connections.
`loadcheck run` is the whole program: every answer judged, counted and recorded, its live view drawn on a terminal.
The other rows of loadcheck send as fast as they can and look at nothing: the transports alone, which send one and the
same message, and the engine of a run, which draws identities and requests, makes a message for each and paces them as
`loadcheck run` does, with nobody to look at the answers. What checking costs is held against that engine. Answers a
second are the median of the rounds, with the slowest and the fastest; ratios are the median of those within a round.
Only ratios of one run on one machine mean anything.

Beside the null server each tool has the first core, and nginx the last one. Where they share cores, the system decides
who runs where, for every tool alike. Tools that check nothing send the real stack one valid token.
docs/performance.md tells what an exchange costs, and why.

Machine: {machine}; load average {load:.1f} before it began.
Versions: {versions}."""

_STILL: Final = """\
Just before and after these arrivals, the machine held up a loop on the same core that only looks at the clock, for
{share:.2%} of the time and {longest:.1f} ms at most. No tool can be more in time there."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which it was measured.

    Attributes:
        rounds: How often each tool had its turn.
        seconds: How long each time.
        identities: For how many start-up was measured.
        load: How many other programs wanted a core before.
    """

    rounds: int
    seconds: float
    identities: int
    load: float


def page(results: Sequence[Results], measured: Measured, stamp: Perhaps[str], conditions: Conditions, plot: str) -> str:
    """Return the page, as Markdown.

    Args:
        results: What each tool got.
        measured: The rest.
        stamp: What the stamp costs, in words.
        conditions: Under which it was measured.
        plot: The name of the plot; empty where there is none.
    """
    lines = [_head(conditions), ""]
    if plot:
        lines += [f"![Answers a second of each tool]({plot})", ""]
    lines += ["## What is asked of it", "", *_numbers(results, measured, conditions), ""]
    for server in dict.fromkeys(one.server for one in results):
        lines += [f"## {server[0].upper()}{server[1:]}", "", *_table(results, server), ""]
    told = f"Not measured: {stamp}." if isinstance(stamp, Unmeasured) else stamp
    lines += ["## What the stamp costs", "", told, ""]
    return "\n".join(lines)


def _head(conditions: Conditions) -> str:
    return _HEAD.format(
        rounds=conditions.rounds,
        seconds=conditions.seconds,
        callers=CALLERS,
        machine=machine(),
        load=conditions.load,
        versions=versions(),
    )


def _table(results: Sequence[Results], server: str) -> Iterator[str]:
    beside = [tool for tool in _BESIDE if any(one.server == server and one.tool is tool for one in results)]
    yield "| tool | looks at | answers a second | spread |" + "".join(f" x {tool.name} |" for tool in beside)
    yield "|---|---|---:|---:|" + "---:|" * len(beside)
    for one in results:
        if one.server == server:
            ratios = [ratio(results, (server, one.tool), (server, tool)) for tool in beside]
            told = "".join(f" {'' if each is None else f'{each:.2f}'} |" for each in ratios)
            yield f"| {one.tool.name} | {one.tool.checks} | {_figures(one)} |{told}"


def _figures(one: Results) -> str:
    if not one.rates:
        return f"not measured: {_cell(one.unmeasured)} |"
    spread = f"{min(one.rates.values()):,.0f} to {max(one.rates.values()):,.0f}"
    missing = f" (not in each round: {_cell(one.unmeasured)})" if one.unmeasured else ""
    return f"{one.rate:,.0f} | {spread}{missing}"


def _numbers(results: Sequence[Results], measured: Measured, conditions: Conditions) -> Iterator[str]:
    yield "| | wanted | measured | |"
    yield "|---|---:|---:|---|"
    for each in numbers(results, measured, conditions.identities):
        yield f"| {each.what} | {each.wanted} | {_cell(each.found)} | {each.word} |"
    if isinstance(measured.pacing, Pacing):
        yield from ("", _STILL.format(share=measured.pacing.held_share, longest=measured.pacing.held_ms))


def _cell(text: str) -> str:
    return text.replace("|", "/")
