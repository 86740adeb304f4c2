"""The page that tells what was measured."""

import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path

from peers.rounds import Results, ratio
from peers.target import CALLERS

NULL, REAL = "null server (nginx)", "real stack"
_OURS, _UNCHECKED = "loadcheck run", "loadcheck's own transport"
_WANTED = (
    # what it says, server, tool, base, at least
    ("everything checked, beside wrk", NULL, _OURS, "wrk", 0.25),
    ("everything checked, beside Locust with its check", NULL, _OURS, "Locust FastHttpUser", 4.0),
    ("everything checked, beside a bare aiohttp loop", NULL, _OURS, "bare aiohttp on uvloop", 2.0),
    ("everything checked, beside the same transport unchecked", NULL, _OURS, _UNCHECKED, 0.7),
    ("everything checked, beside wrk", REAL, _OURS, "wrk", 0.95),
    (
        "two workers beside one, the server on the same two cores",
        NULL,
        "loadcheck run --workers 2, not pinned",
        "loadcheck run --workers 1, not pinned",
        1.7,
    ),
)
_MEMORY_MB = 150.0


def page(results: Sequence[Results], rounds: int, seconds: float, memory: float | None, plot: str) -> str:
    """Return the page, as Markdown.

    Args:
        results: What was measured.
        rounds: How often.
        seconds: How long each time.
        memory: The largest memory of a checked run with 1,000 identities, in MB; None where it is not known.
        plot: The name of the plot; empty where there is none.
    """
    lines = [*_head(rounds, seconds), ""]
    if plot:
        lines += [f"![Answers a second of each tool]({plot})", ""]
    for server in dict.fromkeys(one.server for one in results):
        lines += [f"## {server[0].upper()}{server[1:]}", "", *_table(results, server), ""]
    lines += ["## What is asked of it", "", *_wanted(results, memory), ""]
    return "\n".join(lines)


def _head(rounds: int, seconds: float) -> Iterator[str]:
    yield "# Beside other load tools"
    yield ""
    yield f"Made by `make bench`: {rounds} rounds of {seconds:g} s for each tool, in turns, {CALLERS} connections,"
    yield "the tool pinned to one core and the server to another. Median, and slowest to fastest round. Only ratios"
    yield "within one run on one machine mean anything; a missing tool is told, and the rest measured."
    yield ""
    yield f"Machine: {_machine()}."


def _machine() -> str:
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0))
    load = f"load {os.getloadavg()[0]:.1f} at the end"
    return f"{models[0] if models else platform.machine()}, {cores} cores, {platform.system()}, {load}"


def _table(results: Sequence[Results], server: str) -> Iterator[str]:
    yield "| tool | looks at | answers a second | spread | beside wrk |"
    yield "|---|---|---:|---:|---:|"
    for one in results:
        if one.server == server:
            yield f"| {one.tool} | {one.checks} | {_figures(one, ratio(results, server, one.tool, 'wrk'))} |"


def _figures(one: Results, beside: float | None) -> str:
    if one.unmeasured:
        return f"not measured: {one.unmeasured} | |"
    spread = f"{min(one.rates):,.0f} to {max(one.rates):,.0f}"
    return f"{one.rate:,.0f} | {spread} | {'' if beside is None else f'{beside:.2f}'}"


def _wanted(results: Sequence[Results], memory: float | None) -> Iterator[str]:
    yield "| | server | wanted | measured | |"
    yield "|---|---|---:|---:|---|"
    for what, server, tool, base, least in _WANTED:
        found = ratio(results, server, tool, base)
        told = "not measured | " if found is None else f"{found:.2f} | {_word(found >= least, found / least)}"
        yield f"| {what} | {server} | at least {least:g} | {told} |"
    if memory is not None:
        met = _word(memory <= _MEMORY_MB, memory / _MEMORY_MB)
        yield f"| memory with 1,000 identities | {NULL} | at most {_MEMORY_MB:g} MB | {memory:.0f} MB | {met} |"


def _word(met: bool, part: float) -> str:  # noqa: FBT001 -- one yes or no
    return "met" if met else f"not met: {part:.0%} of it"
