"""The tables of the end report."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from loadcheck.record.confidence import chances_for
from loadcheck.record.stored import (
    StoredCounts,
    StoredFault,
    StoredPhase,
    StoredShape,
    StoredSpan,
    StoredThreshold,
    StoredTimed,
)
from loadcheck.report.figures import (
    amount,
    milliseconds,
    rate,
    share,
    threshold_limit,
    threshold_measured,
    threshold_name,
)
from loadcheck.report.text import plain

_NAME: Final = 26  # cells for a name
_ROWS: Final = 30  # rows of one table; a scenario may have thousands of requests
_RARE: Final = 0.001  # the rate of leaks up to which it is told how much is still to be seen
_HELD: Final = {True: ("held", "green"), False: ("not held", "bold red"), None: ("no sample", "bold yellow")}


def requests_table(requests: Mapping[str, StoredTimed]) -> Table:
    """Return how each request went."""
    table = table_of("request", "sent", "ok", "violation", "unknown", "p50", "p99")
    for name, timed in list(requests.items())[:_ROWS]:
        latency = timed["latency_ms"]
        times = [Text(milliseconds(latency[percent])) for percent in ("p50", "p99")]
        table.add_row(plain(name), *_counts(timed), *times)
    return _rest(table, len(requests))


def mixes_table(mixes: Mapping[str, StoredCounts]) -> Table:
    """Return how each claim mix fared."""
    table = table_of("claim mix", "sent", "ok", "violation", "unknown")
    for name, counts in list(mixes.items())[:_ROWS]:
        table.add_row(plain(name), *_counts(counts))
    return _rest(table, len(mixes))


def phases_table(phases: Sequence[StoredPhase]) -> Table:
    """Return how each phase of the load went."""
    table = table_of("phase", "sent", "violation", "rate", "missed", "p50", "p99")
    for phase in phases[:_ROWS]:
        name = phase["name"] if phase["measure"] else f"{phase['name']} (not measured)"
        table.add_row(
            plain(name),
            amount(phase["sent"]),
            _bad(phase["violation"], "bold red"),
            rate(phase["throughput_rps"]),
            _bad(phase["missed"], "yellow"),
            milliseconds(phase["latency_ms"]["p50"]),
            milliseconds(phase["latency_ms"]["p99"]),
        )
    return _rest(table, len(phases))


def shapes_table(requests: Mapping[str, StoredShape]) -> Table:
    """Return how often each request ran on one backend, and how rare a leak into its answers must be."""
    table = table_of("request", "repeats", "6 or more", "exposed", "leak rate", "for 1 in 1,000")
    for name, shape in list(requests.items())[:_ROWS]:
        upper = shape["leak_rate_upper_95"]
        table.add_row(
            plain(name),
            amount(shape["repeats"]),
            f"{shape['planned']:,} of {shape['backends']:,}",
            amount(shape["exposed"]) if shape["telling"] else Text("tells nobody", style="dim"),
            "-" if upper is None else f"< {share(upper)}",
            "-" if upper is None else still_to_see(shape["exposed"]),
        )
    return _rest(table, len(requests))


def spans_table(spans: Sequence[StoredSpan]) -> Table:
    """Return what each phase reached."""
    table = table_of("phase", "backends", "handoffs", "kinds", "repeats", "exposed")
    for span in spans[:_ROWS]:
        figures = (span["backends"], span["handoffs"], span["distinct_handoffs"], span["repeats"], span["exposed"])
        table.add_row(plain(span["name"]), *map(amount, figures))
    return _rest(table, len(spans))


def faults_table(faults: Sequence[StoredFault]) -> Table:
    """Return what each fault did, and how long the target took to recover at most."""
    table = table_of("fault", "times", "recovered", "at most in", "")
    for fault in faults[:_ROWS]:
        slowest = fault["recovery_max_s"]
        table.add_row(
            plain(fault["do"]),
            amount(fault["times"]),
            f"{fault['recovered']:,} of {fault['over']:,}" if fault["over"] else "-",
            milliseconds(None if slowest is None else slowest * 1000),
            Text(f"{fault['failures']:,} not made" if fault["failures"] else "", style="yellow"),
        )
    return _rest(table, len(faults))


def thresholds_table(thresholds: Sequence[StoredThreshold]) -> Table:
    """Return each threshold, whether it held, and what was measured."""
    table = table_of("threshold", "", "measured", "limit")
    for one in thresholds:
        word, style = _HELD[one["held"]]
        table.add_row(
            threshold_name(one["name"], one["window_s"]),
            Text(word, style=style),
            threshold_measured(one["name"], one["value"], one["at_s"]),
            threshold_limit(one["name"], one["limit"]),
        )
    return table


def still_to_see(exposed: int) -> str:
    """Return how many more exposed answers it takes to rule out a leak of the rate that is asked for."""
    more = chances_for(_RARE) - exposed
    return f"{more:,} more" if more > 0 else "reached"


def table_of(name: str, *columns: str) -> Table:
    """Return an empty table: the first column for names, the others for figures."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(name, max_width=_NAME)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True, overflow="ellipsis")
    return table


def _rest(table: Table, rows: int) -> Table:
    if rows > _ROWS:
        table.add_row(Text(f"{rows - _ROWS:,} more: summary.json", style="dim"))
    return table


def _counts(counts: StoredCounts) -> list[Text]:
    return [
        Text(amount(counts["sent"])),
        Text(amount(counts["ok"])),
        _bad(counts["violation"], "bold red"),
        _bad(counts["unknown"], "yellow"),
    ]


def _bad(count: int, style: str) -> Text:
    """Return a count that had better be 0."""
    return Text(amount(count), style=style if count else "dim")
