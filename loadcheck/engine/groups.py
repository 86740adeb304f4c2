"""Identities that must stay together, such as those who write the same rows, and how shares get them."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import cycle

from loadcheck.identity.population import Population

Groups = Sequence[Sequence[int]]
"""Indexes of identities: those of one group stay together, and each of them is in one share only."""


def joined(holders: Iterable[tuple[int, Hashable]]) -> Groups:
    """Return who is tied to whom: those who hold one thing, and whoever holds another thing with one of them.

    Args:
        holders: Identities, each with a thing that it holds.
    """
    above: dict[Hashable, Hashable] = {}
    identities: dict[int, None] = {}
    for identity, thing in holders:
        identities[identity] = None
        above[_top(above, ("held", thing))] = _top(above, identity)
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for identity in identities:
        groups[_top(above, identity)].append(identity)
    return list(groups.values())


def dealt(groups: Groups, population: Population, of: int) -> list[list[int]]:
    """Deal groups out to shares, so that each share has as many of every kind as can be; return each one's members.

    Args:
        groups: Who stays together.
        population: Tells of what claim mix each identity is.
        of: How many shares there are.
    """
    kinds: dict[tuple[int, ...], list[Sequence[int]]] = defaultdict(list)
    for group in groups:
        kinds[tuple(sorted({population[identity].mix for identity in group}))].append(group)
    members: list[list[int]] = [[] for _ in range(of)]
    held = [Counter[int]() for _ in range(of)]
    for mixes, alike in sorted(kinds.items(), key=lambda kind: -len(kind[0])):
        # Whoever lacks one of the mixes comes first.
        order = sorted(range(of), key=lambda share: sorted(held[share][mix] for mix in mixes))
        for share, group in zip(cycle(order), sorted(alike, key=len, reverse=True), strict=False):
            members[share] += group
            held[share].update(mixes)
    return members


def _top(above: dict[Hashable, Hashable], one: Hashable) -> Hashable:
    """Return what stands for all that one is tied to."""
    while (next_one := above.setdefault(one, one)) != one:
        above[one] = above[next_one]
        one = next_one
    return one
