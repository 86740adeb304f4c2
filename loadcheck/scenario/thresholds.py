"""Thresholds: what a run must reach besides correctness, over all of it or in each window of it."""

from typing import Annotated, Final

from pydantic import Discriminator, Field, Tag

from loadcheck.scenario.base import Strict
from loadcheck.scenario.units import Duration, Rate, Share

UPPER_LIMITS: Final = frozenset({"p50", "p90", "p95", "p99", "p999", "max", "error_rate", "recovery"})
"""The thresholds that must not be exceeded; the others must be reached."""


class Window(Strict):
    """A limit that must hold in each window of the measured phases, so that one bad minute of a day is seen."""

    limit: float
    """What must hold in each window."""
    window: Duration = Field(ge=1)
    """How long a window is; the worst of the run is what is measured."""


class DurationWindow(Window):
    """A latency in each window."""

    limit: Duration
    """What must hold in each window."""


class ShareWindow(Window):
    """A part of the whole in each window."""

    limit: Share
    """What must hold in each window."""


class RateWindow(Window):
    """A rate in each window."""

    limit: Rate
    """What must hold in each window."""


def _form(value: object) -> str:
    return "threshold: window" if isinstance(value, dict | Window) else "threshold: whole run"


# The tags cannot be keys, so that in a place that pydantic names they are told from keys.
_CHOICE: Final = Discriminator(_form)
Latency = Annotated[
    Annotated[Duration, Tag("threshold: whole run")] | Annotated[DurationWindow, Tag("threshold: window")], _CHOICE
]
ErrorRate = Annotated[
    Annotated[Share, Tag("threshold: whole run")] | Annotated[ShareWindow, Tag("threshold: window")], _CHOICE
]
Throughput = Annotated[
    Annotated[Rate, Tag("threshold: whole run")] | Annotated[RateWindow, Tag("threshold: window")], _CHOICE
]


class Thresholds(Strict):
    """What a run must also reach. Latencies, error_rate and recovery are upper limits, the others lower ones.

    Latencies, error_rate and throughput may hold in each window of a run: {limit: 250ms, window: 1m}.
    A run that checked, or covered, less than it must is inconclusive.
    """

    p50: Latency | None = None
    """Median latency, at most."""
    p90: Latency | None = None
    """90th percentile of latency, at most."""
    p95: Latency | None = None
    """95th percentile of latency, at most."""
    p99: Latency | None = None
    """99th percentile of latency, at most."""
    p999: Latency | None = None
    """99.9th percentile of latency, at most."""
    max: Latency | None = None
    """Longest latency, at most."""
    error_rate: ErrorRate | None = None
    """Part of the exchanges without the right answer, at most; those under a fault are left out."""
    throughput: Throughput | None = None
    """Exchanges a second, at least."""
    checked: int | None = Field(None, ge=0)
    """Exchanges judged, at least."""
    identities: int | None = Field(None, ge=0)
    """Identities that got an answer, at least."""
    backends: int | None = Field(None, ge=0)
    """Backends seen, at least."""
    handoffs: int | None = Field(None, ge=0)
    """Handoffs between identities on one backend, at least."""
    distinct_handoffs: int | None = Field(None, ge=0)
    """Different ordered pairs of claim mixes among the handoffs, at least."""
    repeats: int | None = Field(None, ge=0)
    """How often one backend ran each request that expects rows, at least: a kept plan leaks from 6 on."""
    exposed: int | None = Field(None, ge=0)
    """Answers to each request that expects rows, right after an identity that expects others, at least."""
    recovery: Duration | None = None
    """Seconds from the end of any fault to the first right answer, at most."""
