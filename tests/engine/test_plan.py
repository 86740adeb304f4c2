from itertools import islice

import pytest

from loadcheck.engine.plan import planned
from loadcheck.errors import UsageProblem
from loadcheck.identity.population import populate
from loadcheck.scenario.model import Scenario


def scenario(*exchanges: dict[str, object], repeat: int = 1) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "plan",
            "identities": [{"name": "many", "count": 3}, {"name": "rows", "from": "SELECT 1 AS a"}],
            "requests": [
                {"name": "list", "get": "/a", "expect": {"status": 200}},
                {
                    "name": "one",
                    "get": "/a?id=eq.{id}",
                    "vars": {"key": "uuid", "id": {"int": [1, 5]}},
                    "expect": {"status": 200},
                },
            ],
            "load": [
                {"name": "a", "concurrency": 1, "exchanges": exchanges, "repeat": repeat},
                {"name": "b", "concurrency": 1, "exchanges": [{"identity": "rows", "request": "list"}]},
            ],
        }
    )


def test_the_exchanges_come_in_the_order_in_which_they_are_listed() -> None:
    given = scenario(
        {"identity": "many#3", "request": "list"},
        {"identity": "many#1", "request": "one", "vars": {"id": 7}},
        repeat=2,
    )
    draws = list(islice(planned(given, populate(given, {1: [{"a": 1}]}), seed=1), 6))
    assert [draw.seq for draw in draws] == list(range(6))
    assert [(draw.request, draw.identity) for draw in draws] == [(0, 2), (1, 0), (0, 2), (1, 0), (0, 3), (0, 2)]
    (key, seven), (other_key, _) = draws[1].values, draws[3].values
    assert seven == 7
    assert key != other_key


def test_an_identity_that_no_row_made_is_told() -> None:
    given = scenario({"identity": "rows#2", "request": "list"})
    with pytest.raises(UsageProblem, match="rows#2"):
        planned(given, populate(given, {1: [{"a": 1}]}), seed=1)
