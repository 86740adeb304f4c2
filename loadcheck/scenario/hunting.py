"""The phases that hunting needs: twice as many callers as there are backends, and one alone."""

from collections.abc import Iterator
from typing import Final

from loadcheck.scenario.model import Scenario
from loadcheck.scenario.phase import Phase
from loadcheck.scenario.stack import PgBouncer, Stack

_ALONE: Final = 120
_CROWD: Final = 720
_MOST: Final = 256  # callers
_DB_POOL: Final = 10  # PostgREST's default


def with_hunting_phases(scenario: Scenario) -> Scenario:
    """Return the scenario with the phases that hunting needs and that it does not have itself.

    A pool hands a single caller one backend again and again; twice as many callers as backends make every one change
    hands at every turn. Some leaks show in the first only, some in the second. These phases come before the others
    and are not measured.
    """
    if not scenario.hunt.share or scenario.planned:
        return scenario
    return scenario.model_copy(update={"load": [*_missing(scenario), *scenario.load]})


def _missing(scenario: Scenario) -> Iterator[Phase]:
    crowd = min(2 * backends(scenario.stack), _MOST)
    callers = [phase.concurrency or 0 for phase in scenario.load]
    if max(callers) < crowd:
        yield Phase(name="hunting in a crowd", concurrency=crowd, requests=_CROWD, measure=False)
    if 1 not in callers:
        yield Phase(name="hunting alone", concurrency=1, requests=_ALONE, measure=False)


def backends(stack: Stack) -> int:
    """Return how many backends answer, as far as the scenario tells; a target is taken to be as the stack is."""
    written = str(stack.postgrest.get("db-pool", _DB_POOL))
    pool = max(int(written), 1) if written.isascii() and written.isdecimal() else _DB_POOL
    return min(pool, stack.pooler.size) if isinstance(stack.pooler, PgBouncer) else pool
