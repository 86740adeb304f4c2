"""From the tally to the figures that a verdict rests on."""

from collections.abc import Iterator, Sequence

from loadcheck.errors import ExitCode
from loadcheck.judge.findings import Findings
from loadcheck.judge.outcome import Figures
from loadcheck.record.summary import PERCENTS, RunFacts
from loadcheck.record.tally import Tally
from loadcheck.run.faults.fault_figures import slowest_recovery
from loadcheck.scenario.model import Scenario


def figures(
    scenario: Scenario,
    tally: Tally,
    findings: Findings,
    blind: Sequence[str],
    facts: RunFacts,
    interrupted: ExitCode | None,
) -> Figures:
    """Gather what the verdict of a run rests on."""
    counts, unexcused = tally.counts, tally.unexcused
    return Figures(
        checked=counts.checked,
        judged=counts.checked + tally.warm_up.checked,
        violations=tally.violations,
        misplaced=0 if facts.writes is None else facts.writes["wrong"],
        unknown=unexcused.unknown,
        excused=counts.unknown - unexcused.unknown,
        findings=len(findings),
        unsettled=tally.unsettled.most_common(),
        unchecked=tuple(_unchecked(scenario, tally)),
        blind=blind,
        measured=_measured(tally, facts),
        least=_least(facts),
        windows=facts.windows,
        stopped=facts.stopped,
        lost=facts.lost,
        interrupted=interrupted,
    )


def _unchecked(scenario: Scenario, tally: Tally) -> Iterator[str]:
    for request, timed in zip(scenario.requests, tally.requests, strict=True):
        if request.weight and not timed.counts.checked:
            yield f"request {request.name!r}"
    made = {identity.mix for identity in tally.population}
    for index, (mix, counts) in enumerate(zip(scenario.identities, tally.mixes, strict=True)):
        if mix.weight and index in made and not counts.checked:
            yield f"identity {mix.name!r}"


def _least(facts: RunFacts) -> dict[str, str]:
    """Name the requests to which coverage of every request owes its figures."""
    reach = facts.reach
    told = [] if reach is None else [(shape, name) for name, shape in reach["requests"].items() if shape["telling"]]
    if not told:
        return {}
    repeats, exposed = (min(told, key=lambda one: one[0][what])[1] for what in ("repeats", "exposed"))
    return {"repeats": f"request {repeats!r}", "exposed": f"request {exposed!r}"}


def _measured(tally: Tally, facts: RunFacts) -> dict[str, float | None]:
    """Return measured values by threshold name; None where nothing was measured."""
    latency = tally.latency
    return {
        **{name: latency.percentile(percent) for name, percent in PERCENTS.items()},
        "error_rate": tally.error_rate,
        "throughput": tally.throughput,
        "checked": tally.counts.checked,
        "identities": tally.identities.count,
        **facts.coverage,
        "recovery": slowest_recovery(facts.faults),
    }
