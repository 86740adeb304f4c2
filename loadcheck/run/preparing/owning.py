"""Who owns rows with whom: one worker alone must know of every write to an owner's rows."""

from collections.abc import Iterator
from typing import Final

from loadcheck.engine.groups import Groups, dealt, joined
from loadcheck.engine.hunting import reaches_the_database
from loadcheck.errors import UsageProblem
from loadcheck.identity.population import Population
from loadcheck.run.judging.naming import Naming
from loadcheck.run.preparing.preparation import Prepared
from loadcheck.scenario.claim_mix import ClaimMix
from loadcheck.scenario.model import Scenario

_SHOWN: Final = 2


def owning_together(prepared: Prepared) -> Groups:
    """Return the identities that write or read rows of one owner, or are tied so over several tables.

    Those whose tokens must be refused read nothing, but a server that takes their tokens takes their writes as well:
    these count. Who can have no rows is tied to nobody.
    """
    return joined(_owning(prepared.scenario, prepared.population, prepared.naming))


def refuse_too_many(prepared: Prepared, workers: int) -> None:
    """Refuse more workers than there are groups of owners, for then one would lack a kind of identity.

    It may lack those whose tokens must be refused, for nobody comes after them on a backend.

    Raises:
        UsageProblem: there are too few groups.
    """
    if workers == 1:
        return
    population, groups = prepared.population, owning_together(prepared)
    lacking = _lacking(prepared, groups, workers)
    if lacking is None:
        return
    name = prepared.scenario.identities[lacking].name
    own = [group for group in groups if any(population[each].mix == lacking for each in group)]
    possible = next(fewer for fewer in range(workers - 1, 0, -1) if _lacking(prepared, groups, fewer) is None)
    raise UsageProblem(
        f"--workers {workers} is too many: whoever owns the same rows must be with one worker, and by their owners the "
        f"identities of {name!r} are {len(own)} {'group' if len(own) == 1 else 'groups'} ({_told(population, own)})",
        f"Nothing was sent. {f'Use --workers {possible}' if possible > 1 else 'Leave out --workers'}, "
        f"or give {name!r} more owners.",
    )


def _owning(scenario: Scenario, population: Population, naming: Naming) -> Iterator[tuple[int, tuple[str, str]]]:
    for index, mix in enumerate(scenario.identities):
        for table in sorted(_tables(scenario, mix)):
            for identity in population.ranges[index]:
                owner = naming.owner_of(table, identity)
                if owner is not None:
                    yield identity, (table, owner)


def _tables(scenario: Scenario, mix: ClaimMix) -> set[str]:
    """Return the written tables that a mix has to do with."""
    if not mix.weight:
        return set()
    asked = [each for each in scenario.requests if each.weight and scenario.applies(each, mix)]
    writes = {each.writes.table for each in asked if each.writes is not None}
    reads = {each.expect.written.table for each in asked if each.expect.written is not None}
    return writes | reads if reaches_the_database(mix) else writes


def _lacking(prepared: Prepared, groups: Groups, workers: int) -> int | None:
    """Return a mix of which some share would have nobody; None where all have everybody they need."""
    population, mixes = prepared.population, prepared.scenario.identities
    tied = {population[identity].mix for group in groups for identity in group}
    bound = {mix for mix in tied if reaches_the_database(mixes[mix])}
    for members in dealt(groups, population, workers):
        lacking = bound - {population[identity].mix for identity in members}
        if lacking:
            return min(lacking)
    return None


def _told(population: Population, groups: Groups) -> str:
    """Tell who the largest group is."""
    largest = max(groups, key=len)
    labels = [population[identity].label for identity in largest[:_SHOWN]]
    more = f" and {len(largest) - _SHOWN:,} more" if len(largest) > _SHOWN else ""
    return f"the largest: {', '.join(labels)}{more}"
