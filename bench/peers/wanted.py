"""What is asked of loadcheck, and whether it was met: by the measurement alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from peers.pacing import Pacing
from peers.rounds import Results, ratio
from peers.tools import BARE, CHECKED, ENGINE, LOCUST, ONE, TWO, WRK, Tool, Unmeasured

NULL: Final = "null server (nginx), alone on its core"
SHARED: Final = "null server, on the cores of the tool"
REAL: Final = "real stack, all cores for it and the tool"

T = TypeVar("T")
Perhaps: TypeAlias = T | Unmeasured
"""Something that was measured, or why it was not."""

_RATIOS: Final = (
    ("everything checked, beside wrk", (NULL, CHECKED), (NULL, WRK), 0.25),
    ("everything checked, beside Locust with its check", (NULL, CHECKED), (NULL, LOCUST), 4.0),
    ("everything checked, beside a bare aiohttp loop", (NULL, CHECKED), (NULL, BARE), 2.0),
    ("everything checked, recorded and shown, beside the same engine unchecked", (NULL, CHECKED), (NULL, ENGINE), 0.7),
    ("the real stack: everything checked, beside wrk", (REAL, CHECKED), (REAL, WRK), 0.95),
    ("two workers on two cores, beside one on one core", (SHARED, TWO), (SHARED, ONE), 1.7),
)
_MEMORY_MB: Final = 150.0
_LATE_MS: Final = 1.0
_START_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything but the tables.

    Attributes:
        memory_mb: The largest of a run with 1,000 identities.
        pacing: At half of what one core carries.
        start_s: For tokens and expected answers of many identities, 3 requests each.
    """

    memory_mb: Perhaps[float]
    pacing: Perhaps[Pacing]
    start_s: Perhaps[float]


@dataclass(frozen=True, slots=True)
class Number:
    """One thing that is asked.

    Attributes:
        wanted: In words.
        found: In words; why there is nothing, where it could not be measured.
        word: Whether it was met, and else by how much not; empty where that is not known.
    """

    what: str
    wanted: str
    found: str
    word: str


def numbers(results: Sequence[Results], measured: Measured, identities: int) -> Iterator[Number]:
    """Hold everything that was measured against what is asked."""
    for what, tool, base, least in _RATIOS:
        found = ratio(results, tool, base)
        yield _number(what, Unmeasured(_why(results, tool, base)) if found is None else found, "{:.2f} x", least=least)
    yield _number("memory with 1,000 identities", measured.memory_mb, "{:.0f} MB", most=_MEMORY_MB)
    yield from _paced(measured.pacing)
    what = f"tokens and expected answers of {identities:,} identities, 3 requests each"
    yield _number(what, measured.start_s, "{:.1f} s", most=_START_S)


def _paced(pacing: Perhaps[Pacing]) -> Iterator[Number]:
    if isinstance(pacing, Unmeasured):
        yield _number("Poisson arrivals: late at p99", pacing, "{:.2f} ms", most=_LATE_MS)
        return
    rate = f"{pacing.rate:,.0f} Poisson arrivals a second, half of what one core carries"
    yield _number(f"{rate}: late at p99", pacing.late_p99_ms, "{:.2f} ms", most=_LATE_MS)
    yield _number("of these: not sent", float(pacing.missed), "{:,.0f}", most=0)
    error = pacing.mean_error
    yield _number("of these: their mean, by the right one", pacing.mean, "{:.3f}", least=1 - error, most=1 + error)
    error, what = pacing.variance_error, "of these: variance of what 10 ms bring, by its mean"
    yield _number(what, pacing.variance, "{:.3f}", least=1 - error, most=1 + error)


def _number(
    what: str, found: Perhaps[float], form: str, *, least: float | None = None, most: float | None = None
) -> Number:
    bounds = [
        f"{word} {form.format(limit)}" for word, limit in (("at least", least), ("at most", most)) if limit is not None
    ]
    wanted = ", ".join(bounds)
    if isinstance(found, Unmeasured):
        return Number(what, wanted, f"not measured: {found}", "")
    return Number(what, wanted, form.format(found), _word(found, least, most))


def _word(found: float, least: float | None, most: float | None) -> str:
    if least is not None and found < least:
        return f"**not met**, by {1 - found / least:.0%}"
    if most is not None and found > most:
        return f"**not met**, by {found / most - 1:.0%}" if most else "**not met**"
    return "met"


def _why(results: Sequence[Results], *rows: tuple[str, Tool]) -> str:
    """Return why there is no ratio of these."""
    reasons = {(one.server, one.tool.name): one.unmeasured for one in results if not one.rates}
    found = {tool.name: reasons[server, tool.name] for server, tool in rows if (server, tool.name) in reasons}
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    return "; ".join(f"{name}: {reason}" for name, reason in found.items()) or "no round has both"
