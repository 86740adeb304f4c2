from collections import Counter
from itertools import islice
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.draws import Draws
from loadcheck.engine.events import Draw
from loadcheck.errors import UsageProblem
from loadcheck.identity.population import Identity
from loadcheck.scenario.model import Scenario

SCENARIO = Scenario.model_validate(
    {
        "name": "draws",
        "hunt": {"share": 0},
        "identities": [
            {"name": "many", "weight": 3, "count": 7},
            {"name": "one", "weight": 1},
            {"name": "silent", "weight": 0},
        ],
        "requests": [
            {"name": "list", "weight": 2, "get": "/a", "expect": {"status": 200}},
            {
                "name": "one",
                "weight": 1,
                "get": "/a?id=eq.{id}",
                "vars": {"id": {"int": [-2, 2]}, "key": "uuid", "pick": {"choice": ["a", True, 1.5]}},
                "expect": {"status": 200},
            },
            {"name": "mine", "weight": 1, "get": "/b", "as": ["one"], "expect": {"status": 200}},
            {"name": "never", "weight": 0, "get": "/c", "expect": {"status": 200}},
        ],
    }
)


def identities(*counts: int) -> list[Identity]:
    mixes = [mix for mix, count in enumerate(counts) for _ in range(count)]
    return [Identity(index, mix, f"i{index}", {}, {}) for index, mix in enumerate(mixes)]


def drawn(count: int, seed: int = 1, scenario: Scenario = SCENARIO) -> list[Draw]:
    return list(islice(Draws(scenario, identities(7, 1, 1), seed), count))


def test_the_sequence_of_seed_1_stays_what_it_was() -> None:
    assert drawn(7) == [
        Draw(0, 0, 4),
        Draw(1, 0, 5),
        Draw(2, 0, 7),
        Draw(3, 0, 7),
        Draw(4, 0, 6),
        Draw(5, 1, 2, (-2, "0035cc62-7dfa-43f4-bc29-d030305ba5ec", "a")),
        Draw(6, 1, 1, (-1, "48bf0390-2a20-4a07-bf66-4c0f8e178025", True)),
    ]


def test_same_seed_same_sequence() -> None:
    assert drawn(500) == drawn(500)
    assert drawn(500) != drawn(500, seed=2)


def test_shares_follow_the_weights() -> None:
    draws = drawn(20_000)
    senders = Counter(draw.identity // 7 for draw in draws)
    requests = Counter((draw.identity // 7, draw.request) for draw in draws)
    assert senders[0] / 20_000 == pytest.approx(0.75, abs=0.01)
    assert requests[0, 1] / senders[0] == pytest.approx(1 / 3, abs=0.01)
    assert requests[1, 2] / senders[1] == pytest.approx(1 / 4, abs=0.02)


def test_only_what_applies_and_has_weight_is_drawn() -> None:
    draws = drawn(5_000)
    assert {draw.identity for draw in draws} == set(range(8))
    assert {draw.request for draw in draws} == {0, 1, 2}
    assert {draw.identity for draw in draws if draw.request == 2} == {7}


@given(st.integers(1, 40), st.integers())
def test_every_identity_has_its_turn_before_one_comes_again(count: int, seed: int) -> None:
    order = [draw.identity for draw in islice(Draws(SCENARIO, identities(count), seed), 3 * count)]
    for start in range(0, 3 * count, count):
        assert sorted(order[start : start + count]) == list(range(count))


def test_each_cycle_has_an_order_of_its_own() -> None:
    order = [draw.identity for draw in islice(Draws(SCENARIO, identities(50), 1), 100)]
    assert order[:50] != order[50:]


def test_variables_are_drawn_in_the_scenarios_order_and_within_their_bounds() -> None:
    values = [draw.values for draw in drawn(3_000) if draw.request == 1]
    assert {number for number, _, _ in values} == {-2, -1, 0, 1, 2}
    assert {pick for _, _, pick in values} == {"a", True, 1.5}
    keys = {key for _, key, _ in values}
    assert len(keys) == len(values)
    assert all(isinstance(key, str) and UUID(key).version == 4 for key in keys)


def test_one_variable_more_changes_no_other_choice() -> None:
    given_ = SCENARIO.model_dump(by_alias=True, exclude_unset=True)
    given_["requests"][0]["vars"] = {"more": "uuid"}
    more = drawn(300, scenario=Scenario.model_validate(given_))
    plain = drawn(300)
    assert [(d.request, d.identity) for d in more] == [(d.request, d.identity) for d in plain]
    assert [d.values for d in more if d.request] == [d.values for d in plain if d.request]


def test_a_share_of_the_identities_keeps_their_indexes() -> None:
    share = identities(7, 1)[4:]
    assert {draw.identity for draw in islice(Draws(SCENARIO, share, 1), 100)} == {4, 5, 6, 7}


def test_mixes_without_identities_or_requests_are_left_out() -> None:
    asked_of_one = SCENARIO.model_copy(update={"requests": SCENARIO.requests[2:3]})
    draws = islice(Draws(asked_of_one, identities(7, 1), 1), 100)
    assert {draw.identity for draw in draws} == {7}
    assert {draw.identity for draw in islice(Draws(SCENARIO, identities(7), 1), 100)} == set(range(7))


@pytest.mark.parametrize(("counts", "requests"), [((), slice(0, 4)), ((0, 0, 3), slice(0, 4)), ((7, 1), slice(3, 4))])
def test_nobody_with_anything_to_send_is_told(counts: tuple[int, ...], requests: slice) -> None:
    scenario = SCENARIO.model_copy(update={"requests": SCENARIO.requests[requests]})
    with pytest.raises(UsageProblem, match="no identity has a request to send"):
        Draws(scenario, identities(*counts), 1)
