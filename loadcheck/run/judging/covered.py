"""What the stamps of a run showed, for its summary."""

from dataclasses import asdict
from typing import Any

from loadcheck.record.confidence import upper_95
from loadcheck.record.coverage import Coverage
from loadcheck.record.reach import stored_reach
from loadcheck.record.tally import Tally


def covered(coverage: Coverage, tally: Tally) -> dict[str, Any]:
    """Return the facts of a run that its coverage tells; none where no answer carried a stamp."""
    coverage.close()
    reached = coverage.reached()
    if reached is None:
        return {}
    clean = not tally.violations
    return {
        "coverage": asdict(reached),
        "reach": stored_reach(coverage, tally.scenario, clean=clean),
        "leak_rate_upper_95": upper_95(reached.handoffs) if clean and _telling(coverage) else None,
    }


def _telling(coverage: Coverage) -> bool:
    """Whether there was an answer that a leak would have changed."""
    return any(shape.exposed for shape in coverage.run.shapes)
