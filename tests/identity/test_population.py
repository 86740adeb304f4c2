import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.errors import UsageProblem
from loadcheck.identity.population import Identity, Population, bindings, populate, variables
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.model import Scenario

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def scenario(*identities: dict[str, Any]) -> Scenario:
    request = {"name": "list", "get": "/pets", "expect": {"rows": []}}
    return Scenario.model_validate({"name": "s", "identities": identities, "requests": [request]})


PETS = scenario(
    {"name": "keeper", "count": 3, "claims": {"role": "r", "user_type": "tenant-{n}"}},
    {"name": "listed", "from": "SELECT keeper FROM pets", "claims": {"user_type": "{keeper}"}},
    {"name": "no-claim", "claims": {"role": "r"}},
    {"name": "late", "token": "expired"},
)


def pets(rows: int = 2) -> Population:
    return populate(PETS, {1: [{"keeper": f"k{n}"} for n in range(rows)]})


def one(claims: dict[str, Any], own: dict[str, Any] | None = None) -> Identity:
    return Identity(0, 0, "x", claims, own or {})


def test_identities_stand_in_the_order_of_their_mixes() -> None:
    population = pets()
    labels = ["keeper#1", "keeper#2", "keeper#3", "listed#1", "listed#2", "no-claim", "late"]
    assert [identity.label for identity in population] == labels
    assert [identity.index for identity in population] == list(range(7))
    assert population.ranges == (range(3), range(3, 5), range(5, 6), range(6, 7))
    assert [identity.label for identity in population.of_mix(1)] == ["listed#1", "listed#2"]
    assert [identity.label for identity in population[-2:]] == ["no-claim", "late"]
    assert population[6].token is TokenKind.EXPIRED
    assert len(population) == 7


def test_placeholders_in_claims_are_filled_in() -> None:
    population = pets()
    assert population[1].claims == {"role": "r", "user_type": "tenant-2"}
    assert population[1].variables == {"n": 2}
    assert population[3].claims == {"user_type": "k0"}
    assert population[3].variables == {"keeper": "k0"}


def test_placeholders_deep_within_and_with_their_types() -> None:
    claims = {"n": "{n}", "deep": {"list": ["{n}", "tenant-{n}", {"x": "{n}"}], "no": None, "yes": True}}
    population = populate(scenario({"name": "keeper", "count": 2, "claims": claims}), {})
    assert population[1].claims == {
        "n": 2,
        "deep": {"list": [2, "tenant-2", {"x": 2}], "no": None, "yes": True},
    }


def test_no_row_makes_no_identity() -> None:
    population = pets(rows=0)
    assert population.ranges[1] == range(3, 3)
    assert population.of_mix(1) == ()
    with pytest.raises(UsageProblem) as caught:
        population.find("listed#1")
    assert "none was read" in caught.value.advice


@pytest.mark.parametrize(
    ("label", "index"), [("keeper#1", 0), ("keeper#3", 2), ("listed#2", 4), ("no-claim", 5), ("no-claim#1", 5)]
)
def test_an_identity_is_found_by_its_label(label: str, index: int) -> None:
    assert pets().find(label).index == index


@pytest.mark.parametrize(
    ("label", "advice"),
    [
        ("keper#1", "Did you mean 'keeper'?"),
        ("kept", "keeper#1 to keeper#3"),
        ("keeper", "keeper#1 to keeper#3"),
        ("keeper#0", "keeper#1 to keeper#3"),
        ("keeper#4", "keeper#1 to keeper#3"),
        ("keeper#01", "keeper#1 to keeper#3"),
        ("keeper#-1", "keeper#1 to keeper#3"),
        ("keeper#²", "keeper#1 to keeper#3"),
        ("keeper#" + "9" * 5_000, "keeper#1 to keeper#3"),
        ("no-claim#2", "no-claim"),
        ("", "keeper#1 to keeper#3"),
    ],
)
def test_an_unknown_label_is_told_with_what_there_is(label: str, advice: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        pets().find(label)
    assert advice in caught.value.advice


def test_a_long_list_of_mixes_is_cut() -> None:
    population = populate(scenario(*({"name": f"mix-{n}"} for n in range(40))), {})
    with pytest.raises(UsageProblem) as caught:
        population.find("other")
    assert "… and 28 more" in caught.value.advice


def test_columns_of_every_type_become_json() -> None:
    row = {
        "id": UUID(int=1),
        "day": date(2024, 9, 30),
        "at": datetime(2024, 9, 30, 12, tzinfo=UTC),
        "whole": Decimal("7.00"),
        "part": Decimal("0.25"),
        "exact": Decimal("12345678901234567890.0123456789"),
        "many": (1, None),
        "flag": False,
    }
    claims = {name: f"{{{name}}}" for name in row}
    identity = populate(scenario({"name": "x", "from": "SELECT 1", "claims": claims}), {0: [row]})[0]
    assert identity.claims == identity.variables
    assert identity.claims == {
        "id": "00000000-0000-0000-0000-000000000001",
        "day": "2024-09-30",
        "at": "2024-09-30T12:00:00+00:00",
        "whole": 7,
        "part": 0.25,
        "exact": "12345678901234567890.0123456789",
        "many": [1, None],
        "flag": False,
    }


@pytest.mark.parametrize("value", [b"bytes", "a\0b", float("nan"), float("inf"), Decimal("NaN"), object()])
def test_what_json_cannot_hold_is_told(value: object) -> None:
    with pytest.raises(UsageProblem, match="identity x: "):
        populate(scenario({"name": "x", "from": "SELECT 1"}), {0: [{"column": value}]})


def test_bindings_are_text() -> None:
    claims = {
        "text": "ü",
        "yes": True,
        "no": False,
        "none": None,
        "int": 2**63,
        "float": 1.5,
        "object": {"a": [1, "é"]},
    }
    assert bindings(one(claims), {}) == {
        "text": "ü",
        "yes": "true",
        "no": "false",
        "none": None,
        "int": "9223372036854775808",
        "float": "1.5",
        "object": '{"a":[1,"é"]}',
        "claims": json.dumps(claims, ensure_ascii=False, separators=(",", ":")),
    }


def test_request_variables_hide_identity_variables_and_these_hide_claims() -> None:
    identity = one({"a": "claim", "b": "claim", "c": "claim", "claims": "mine"}, {"b": "own", "c": "own"})
    bound = bindings(identity, {"c": 3})
    assert [bound[name] for name in "abc"] == ["claim", "own", "3"]
    assert bound.get("absent") is None
    assert json.loads(bound["claims"] or "")["claims"] == "mine"
    assert variables(identity, {"c": 3}) == {"a": "claim", "b": "own", "c": 3, "claims": "mine"}


def test_claims_that_no_token_carries_bind_nothing() -> None:
    identity = replace(one({"who": "me"}, {"n": 1}), token=TokenKind.MISSING)
    assert bindings(identity, {}) == {"n": "1", "claims": "{}"}
    assert variables(identity, {})["who"] == "me"


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_all_claims_survive_their_binding(claims: dict[str, Any]) -> None:
    bound = bindings(one(claims), {})
    assert json.loads(bound["claims"] or "") == claims
    for name, value in claims.items():
        if name != "claims" and not isinstance(value, str):
            assert value is None if bound[name] is None else json.loads(bound[name] or "") == value
