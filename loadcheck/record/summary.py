"""From what a run counted and found to summary.json."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from loadcheck import __version__
from loadcheck.judge.findings import Finding
from loadcheck.judge.outcome import Measured, Outcome, Worst
from loadcheck.record.counts import Counts, Timed
from loadcheck.record.findings import finding_head
from loadcheck.record.histogram import Histogram
from loadcheck.record.stored import (
    Percentiles,
    StoredAlike,
    StoredCanaries,
    StoredCell,
    StoredCounts,
    StoredCoverage,
    StoredDrift,
    StoredFault,
    StoredKept,
    StoredPhase,
    StoredReach,
    StoredThreshold,
    StoredTimed,
    StoredWrites,
    Summary,
)
from loadcheck.record.tally import PhaseTally, Tally

SCHEMA: Final = 1
GENERATOR: Final = ("cpu_s", "waited_s", "rss_max_mb", "missed", "lag_p99_ms", "late_p99_ms", "starved_s")
PERCENTS: Final = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9, "max": 100.0}


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a run beside its counts.

    Attributes:
        seed: What its inputs were drawn from.
        started: Seconds since 1970.
        duration: Seconds from the first phase's start to the last one's end.
        coverage: The fields of `Reached` by name, as far as they are known.
        reach: Its details.
        canaries: Those planted and caught; None where there could be none.
        leak_rate_upper_95: The rate of leaks that is ruled out with 95 % confidence, if known.
        faults: What each fault of the scenario did.
        writes: What came of the run's writes; None when it followed none.
        blind_spots: What a green run says little about, a sentence each.
        history: What was written of the exchanges.
        drift: Which expected answers changed during the run.
        alike: Which kinds of identities which requests cannot tell apart.
        windows: The worst window of each threshold that must hold in windows.
        stopped: Why the run ended at its first failure; empty when it did not.
        lost: How a server under test ended in the middle of the run; empty when none did.
        generator: What loadcheck itself used and missed: `cpu_s`, the `waited_s` for a processor, `rss_max_mb`, and
            `missed` arrivals; by how much the event loop (`lag_p99_ms`) and open-loop sending (`late_p99_ms`) were
            late; for how long sending waited for expected rows (`starved_s`).
    """

    seed: int
    started: float
    duration: float
    coverage: Mapping[str, int | None] = field(default_factory=dict)
    reach: StoredReach | None = None
    canaries: StoredCanaries | None = None
    leak_rate_upper_95: float | None = None
    faults: Sequence[StoredFault] = ()
    writes: StoredWrites | None = None
    blind_spots: Sequence[str] = ()
    alike: Sequence[StoredAlike] = ()
    drift: Sequence[StoredDrift] = ()
    history: StoredKept | None = None
    windows: Mapping[str, Worst] = field(default_factory=dict)
    stopped: str = ""
    lost: str = ""
    generator: Mapping[str, float | None] = field(default_factory=dict)


def build_summary(tally: Tally, findings: Sequence[Finding], outcome: Outcome, facts: RunFacts) -> Summary:
    """Return what summary.json holds. `exchanges` are those of the measured phases.

    Raises:
        AssertionError: the tally does not add up, or not with the history, which is a bug in loadcheck.
    """
    tally.check(None if facts.history is None else facts.history["lines"] + facts.history["left_out"])
    scenario = tally.scenario
    started = datetime.fromtimestamp(facts.started, UTC).isoformat(timespec="milliseconds")
    return {
        "loadcheck": __version__,
        "schema": SCHEMA,
        "scenario": scenario.name,
        "seed": facts.seed,
        "started": started.replace("+00:00", "Z"),
        "duration_s": round(facts.duration, 3),
        "verdict": str(outcome.verdict),
        "exit_code": int(outcome.exit_code),
        "reasons": list(outcome.reasons),
        "exchanges": _counts(tally.measured.counts),
        "warm_up": _counts(tally.warm_up),
        "findings": [finding_head(finding, scenario, tally.population) for finding in findings],
        "faults": list(facts.faults),
        "writes": facts.writes,
        "blind_spots": list(facts.blind_spots),
        "alike": list(facts.alike),
        "drift": list(facts.drift),
        "coverage": _coverage(tally, facts),
        "canaries": facts.canaries or {"planted": None, "caught": None, "requests": {}},
        "leak_rate_upper_95": facts.leak_rate_upper_95,
        "latency_ms": percentiles(tally.measured.latency),
        "service_ms": percentiles(tally.measured.service),
        "throughput_rps": _rounded(tally.throughput),
        "requests": {
            request.name: _timed(timed) for request, timed in zip(scenario.requests, tally.requests, strict=True)
        },
        "claim_mixes": {
            mix.name: _counts(counts) for mix, counts in zip(scenario.identities, tally.mixes, strict=True)
        },
        "pairs": list(_pairs(tally)),
        "statuses": dict(tally.statuses.most_common()),
        "unknowns": dict(tally.unknowns.most_common()),
        "phases": [_phase(phase) for phase in tally.phases],
        "thresholds": [_threshold(measured) for measured in outcome.thresholds],
        "stopped": facts.stopped,
        "history": facts.history,
        "generator": {name: facts.generator.get(name) for name in GENERATOR},
    }


def percentiles(histogram: Histogram) -> Percentiles:
    """Return the percentiles that a summary holds, in milliseconds."""
    found = {name: histogram.percentile(percent) for name, percent in PERCENTS.items()}
    return {name: None if seconds is None else round(seconds * 1000, 3) for name, seconds in found.items()}


def _coverage(tally: Tally, facts: RunFacts) -> StoredCoverage:
    known = facts.coverage
    reach = facts.reach or {"pairs": [], "requests": {}, "phases": []}
    return {
        "identities": tally.identities.count,
        "backends": known.get("backends"),
        "handoffs": known.get("handoffs"),
        "distinct_handoffs": known.get("distinct_handoffs"),
        "repeats": known.get("repeats"),
        "exposed": known.get("exposed"),
        **reach,
    }


def _counts(counts: Counts) -> StoredCounts:
    return {
        "sent": counts.sent,
        "ok": counts.ok,
        "violation": counts.violation,
        "unknown": counts.unknown,
    }


def _pairs(tally: Tally) -> Iterator[StoredCell]:
    scenario = tally.scenario
    for request, row in zip(scenario.requests, tally.pairs, strict=True):
        for mix, counts in zip(scenario.identities, row, strict=True):
            if scenario.applies(request, mix):
                yield {"request": request.name, "identity": mix.name, **_counts(counts)}


def _timed(timed: Timed) -> StoredTimed:
    return {
        **_counts(timed.counts),
        "latency_ms": percentiles(timed.latency),
        "service_ms": percentiles(timed.service),
    }


def _phase(tally: PhaseTally) -> StoredPhase:
    return {
        "name": tally.phase.name,
        "measure": tally.phase.measure,
        "started_s": _rounded(tally.started),
        "duration_s": round(tally.seconds, 3),
        "missed": tally.missed,
        "throughput_rps": _rounded(tally.throughput),
        **_timed(tally.timed),
    }


def _threshold(measured: Measured) -> StoredThreshold:
    return {
        "name": measured.name,
        "limit": measured.limit,
        "value": measured.value,
        "held": measured.held,
        "window_s": measured.window,
        "at_s": _rounded(measured.at),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
