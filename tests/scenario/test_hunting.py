from typing import Any

import pytest

from loadcheck.scenario.hunting import with_hunting_phases
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.phase import Phase


def hunted(load: list[dict[str, Any]], **more: Any) -> list[Phase]:
    scenario = Scenario.model_validate(
        {
            "name": "hunting",
            "identities": [{"name": "one"}],
            "requests": [{"name": "list", "get": "/a", "expect": {"rows": []}}],
            "load": [{"name": f"phase {at}", "requests": 10, **phase} for at, phase in enumerate(load)],
            **more,
        }
    )
    return list(with_hunting_phases(scenario).load)


def callers(phases: list[Phase]) -> list[int | None]:
    return [phase.concurrency for phase in phases]


def test_twice_as_many_callers_as_backends_and_one_alone_come_first_and_are_not_measured() -> None:
    phases = hunted([{"concurrency": 4}, {"rate": 10}])
    assert callers(phases) == [8, 1, 4, None]
    assert [phase.measure for phase in phases] == [False, False, True, True]


def test_what_the_scenario_does_itself_is_not_done_again() -> None:
    assert callers(hunted([{"concurrency": 1}, {"concurrency": 8}])) == [1, 8]
    assert callers(hunted([{"concurrency": 1}, {"concurrency": 7}])) == [8, 1, 7]
    assert callers(hunted([{"concurrency": 100}])) == [1, 100]


def test_without_hunting_there_are_no_phases_for_it() -> None:
    assert callers(hunted([{"concurrency": 4}], hunt={"share": 0})) == [4]


@pytest.mark.parametrize(
    ("stack", "crowd"),
    [
        ({"pooler": {"size": 30}, "postgrest": {"db-pool": 12}}, 24),
        ({"pooler": "none", "postgrest": {"db-pool": "12"}}, 24),
        ({"pooler": {"run": "pooler"}}, 20),
        ({"pooler": "none", "postgrest": {"db-pool": 100_000}}, 256),
        ({"pooler": "none", "postgrest": {"db-pool": "many"}}, 20),
    ],
)
def test_the_backends_are_counted_where_there_are_fewest(stack: dict[str, Any], crowd: int) -> None:
    assert callers(hunted([{"concurrency": 1}], stack=stack)) == [crowd, 1]
