"""What several workers cannot do together."""

from collections.abc import Iterator

from loadcheck.errors import UsageProblem
from loadcheck.scenario.model import Scenario


def refuse_workers(scenario: Scenario, workers: int) -> None:
    """Refuse several workers for what only one process can keep track of.

    Raises:
        UsageProblem: the scenario has something of the kind.
    """
    reasons = list(_reasons(scenario)) if workers > 1 else []
    if reasons:
        raise UsageProblem(
            f"--workers {workers} is for scenarios that only read: this one {', and '.join(reasons)}",
            "Nothing was sent. Leave out --workers.",
        )


def _reasons(scenario: Scenario) -> Iterator[str]:
    writing = [request.name for request in scenario.requests if not request.safe]
    if writing:
        yield f"writes ({', '.join(map(repr, writing))})"
    if scenario.planned:
        yield "lists its exchanges in their order"
