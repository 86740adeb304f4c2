"""Identities that are tied to each other are in one share, and each share has of every kind what there is."""

from collections import Counter
from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.groups import dealt, joined
from loadcheck.engine.share import Share
from loadcheck.identity.population import Identity, Population

HOLDERS = st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abcdefghij")), max_size=40)


def people(*counts: int) -> Population:
    """Return so many identities of each claim mix."""
    mixes = list(chain.from_iterable([mix] * count for mix, count in enumerate(counts)))
    identities = [Identity(index, mix, f"m{mix}#{index}", {}, {}) for index, mix in enumerate(mixes)]
    return Population([f"m{mix}" for mix in range(len(counts))], identities)


@given(HOLDERS)
def test_whoever_holds_one_thing_is_in_one_group(holders: list[tuple[int, str]]) -> None:
    groups = [set(group) for group in joined(holders)]
    assert Counter(chain(*groups)) == Counter({identity for identity, _ in holders})
    for (one, thing), (other, same) in combinations(holders, 2):
        if thing == same:
            assert any({one, other} <= group for group in groups)


@given(HOLDERS)
def test_groups_have_nothing_in_common(holders: list[tuple[int, str]]) -> None:
    held = [{thing for identity, thing in holders if identity in group} for group in joined(holders)]
    assert sum(map(len, held)) == len({thing for _, thing in holders})


@given(st.integers(1, 6), st.integers(1, 30), st.integers(1, 30), HOLDERS)
def test_each_group_is_in_one_share_whole(of: int, some: int, others: int, holders: list[tuple[int, str]]) -> None:
    population = people(some, others)
    groups = joined((identity, thing) for identity, thing in holders if identity < len(population))
    shares = [{each.index for each in Share(index, of).members(population, groups)} for index in range(of)]
    assert set().union(*shares) == set(range(len(population)))
    for group in groups:
        assert [len(share & set(group)) for share in shares if share & set(group)] == [len(group)]


def test_every_share_has_of_every_kind_what_there_is() -> None:
    population = people(4, 8, 4)
    pairs = [[index, 4 + index] for index in range(4)]  # of the first two mixes
    alone = [[8 + index] for index in range(4)]  # the rest of the second
    last = [[12 + index] for index in range(4)]
    kinds = [Counter(population[each].mix for each in share) for share in dealt([*last, *alone, *pairs], population, 4)]
    assert kinds == [Counter({0: 1, 1: 2, 2: 1})] * 4


def test_a_share_that_lacks_a_kind_is_served_first() -> None:
    population = people(2, 4)
    with_both, rest = [[0, 2], [1, 3]], [[4], [5]]
    kinds = [sorted(population[each].mix for each in share) for share in dealt([*with_both, *rest], population, 4)]
    assert kinds == [[0, 1], [0, 1], [1], [1]]
