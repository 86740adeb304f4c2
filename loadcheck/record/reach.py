"""From what was counted of backends and handoffs to what summary.json holds of them."""

from loadcheck.record.confidence import upper_95
from loadcheck.record.coverage import Coverage
from loadcheck.record.span import Shape, Span
from loadcheck.record.stored import StoredPair, StoredReach, StoredShape, StoredSpan
from loadcheck.scenario.model import Scenario


def stored_reach(coverage: Coverage, scenario: Scenario, *, clean: bool) -> StoredReach:
    """Return the details of a run's coverage.

    Args:
        coverage: What was counted.
        scenario: Names claim mixes, requests and phases.
        clean: Whether there was no violation, so that rates of leaks can be ruled out.
    """
    return {
        "pairs": _pairs(coverage.run, scenario),
        "requests": _requests(coverage.run, scenario, clean=clean),
        "phases": [
            _span(phase.name, span, scenario, clean=clean)
            for phase, span in zip(scenario.load, coverage.phases, strict=True)
        ],
    }


def _pairs(span: Span, scenario: Scenario) -> list[StoredPair]:
    names = [mix.name for mix in scenario.identities]
    return [
        {"source": names[source], "victim": names[victim], "handoffs": handoffs}
        for (source, victim), handoffs in sorted(span.pairs.items())
    ]


def _requests(span: Span, scenario: Scenario, *, clean: bool) -> dict[str, StoredShape]:
    return {
        request.name: _shape(shape, clean=clean) for request, shape in zip(scenario.requests, span.shapes, strict=True)
    }


def _shape(shape: Shape, *, clean: bool) -> StoredShape:
    return {
        "telling": shape.telling,
        "repeats": shape.repeats,
        "backends": shape.backends,
        "planned": shape.planned,
        "exposed": shape.exposed,
        "leak_rate_upper_95": upper_95(shape.exposed) if clean else None,
    }


def _span(name: str, span: Span, scenario: Scenario, *, clean: bool) -> StoredSpan:
    reached = span.reached()
    return {
        "name": name,
        "backends": reached.backends,
        "handoffs": reached.handoffs,
        "distinct_handoffs": reached.distinct_handoffs,
        "repeats": reached.repeats,
        "exposed": reached.exposed,
        "requests": _requests(span, scenario, clean=clean),
    }
