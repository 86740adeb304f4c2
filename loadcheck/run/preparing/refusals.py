"""What several workers cannot do together."""

from loadcheck.errors import UsageProblem
from loadcheck.scenario.model import Scenario


def refuse_workers(scenario: Scenario, workers: int) -> None:
    """Refuse several workers for exchanges in one order, which only one process can keep.

    Raises:
        UsageProblem: the scenario lists its exchanges.
    """
    if workers > 1 and scenario.planned:
        raise UsageProblem(
            f"--workers {workers} is for load that is drawn: this scenario lists its exchanges in their order",
            "Nothing was sent. Leave out --workers.",
        )
