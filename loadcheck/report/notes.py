"""What a reader must know of a run beside its figures, in sentences."""

from collections.abc import Iterator, Mapping
from typing import Final

from loadcheck.record.stored import Summary
from loadcheck.report.figures import plural, seconds, share

_MOST: Final = 5  # sentences of a kind
_UNJUDGED: Final = 0.1  # share of answers without a verdict from which the rest may not stand for all
_BUSY: Final = 0.85  # share of one core from which loadcheck itself may be what was slow

Note = tuple[str, bool]
"""A sentence, and whether it warns."""


def notes(summary: Summary) -> Iterator[Note]:
    """Tell what the figures leave out, what came of writes, whether data changed under the run, and what is stored."""
    yield from _warm_up(summary)
    yield from _unjudged(summary)
    yield from _written(summary)
    yield from ((line, True) for line in _drifted(summary))
    yield from ((line, False) for line in _kept(summary))


def _warm_up(summary: Summary) -> Iterator[Note]:
    """Tell what the other figures leave out."""
    sent, violation = (summary["warm_up"][name] for name in ("sent", "violation"))
    if sent:
        bad = f", {plural(violation, 'violation')}" if violation else ""
        yield f"and {plural(sent, 'exchange')} in the warm-up, judged but not measured{bad}", bool(violation)


def _unjudged(summary: Summary) -> Iterator[Note]:
    """Tell of answers that say nothing, also where faults excuse so many of them that the run may pass."""
    sent, unknown = (summary["exchanges"][name] for name in ("sent", "unknown"))
    if unknown > sent * _UNJUDGED:
        why = "refused under a fault, given up on purpose, lost or unclear"
        told = f"{share(unknown / sent)} of the answers were left unjudged ({unknown:,} of {sent:,}: {why})"
        yield f"{told}; the verdict says nothing of them", True


def _written(summary: Summary) -> Iterator[Note]:
    writes = summary["writes"]
    if writes is None:
        return
    ended = ", ".join(f"{writes[how]:,} {how}" for how in ("refused", "unknown"))
    whole = writes["accounted"] == writes["acknowledged"]
    accounted = "every one" if whole else f"{writes['accounted']:,}"
    yield f"writes: {writes['acknowledged']:,} acknowledged, {accounted} accounted for; {ended}", False
    lost = "that a write whose answer was lost may have removed"
    open_ones = f", {writes['undecided']:,} more were not found {lost}" if writes["undecided"] else ""
    wrong = f", {writes['wrong']:,} wrong" if writes["wrong"] else ""
    held = f"the last held {plural(writes['rows'], 'row')}{open_ones}{wrong}"
    yield f"{plural(writes['audits'], 'audit')}; {held}", False
    yield from ((line, True) for line in (*writes["notes"], *writes["drift"], *writes["left"]))


def _drifted(summary: Summary) -> Iterator[str]:
    """Tell which expected answers changed during the run, so that nobody takes it for a leak."""
    for one in summary["drift"][:_MOST]:
        when = f"between {seconds(one['first_s'])} and {seconds(one['last_s'])}"
        changed = plural(one["changed"], "expected answer")
        yield f"drift: {changed} of {one['request']!r} changed {when}: data were written"


def _kept(summary: Summary) -> Iterator[str]:
    """Tell what the history holds, where that is not everything."""
    kept = summary.get("history")
    if kept is not None and kept["left_out"]:
        every = plural(kept["lines"] + kept["left_out"], "exchange")
        ones = f"in the end the right answers of {share(kept['share'])} of identities"
        yield f"history: {kept['lines']:,} of {every} kept: every violation and unknown, and {ones}"


def certainty(summary: Summary) -> Iterator[str]:
    """Tell how much could have been seen."""
    canaries, upper = summary["canaries"], summary["leak_rate_upper_95"]
    if upper is not None:
        yield f"with 95 % confidence, a leak shows in less than {share(upper)} of handoffs"
    if summary["coverage"]["handoffs"] is None:
        yield "handoffs between identities could not be seen: answers carry no stamp (doctor --install-stamp)"
    yield from summary["blind_spots"][:_MOST]
    if canaries["planted"] and canaries["caught"] is not None:
        yield f"{canaries['caught']:,} of {plural(canaries['planted'], 'canary', 'canaries')} caught"


def itself(summary: Summary) -> Iterator[str]:
    """Tell what loadcheck itself took, and whether that may have made the latencies longer."""
    figures: Mapping[str, float | None] = summary["generator"]
    cpu, memory, missed = (figures.get(name) for name in ("cpu_s", "rss_max_mb", "missed"))
    busy = cpu / summary["duration_s"] if cpu is not None and summary["duration_s"] else None
    parts = [
        f"{seconds(cpu)} of processor time" if cpu is not None else "",
        f"{share(busy)} of one core" if busy is not None else "",
        f"{memory:,.0f} MB of memory" if memory is not None else "",
        plural(int(missed), "missed arrival") if missed is not None else "",
    ]
    yield ", ".join(filter(None, parts)) or "not measured"
    if busy is not None and busy > _BUSY:
        yield "It was busy nearly all the time, so the latencies include its own: lower the load."
    waited = figures.get("waited_s")
    if cpu is not None and waited is not None and waited > cpu:
        yield f"It waited {seconds(waited)} for a processor that others had, so the latencies tell of them, too."
