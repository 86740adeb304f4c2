"""The doctor on the gallery: what the catalogue shows of a leak is told, and nothing is told of its repaired twin."""

import json
from typing import Any

import pytest

from tests.cli.command import SCENARIOS, loadcheck

TOLD = {
    "A1": "remember_keeper() sets app.keeper for the whole session",
    "A2": "remember_keeper() sets app.keeper for the whole session",
    "A3": "my_pets() sets app.keeper for the whole session",
    "B1": "hooks.keeper() is IMMUTABLE and reads settings",
    "B2": "hooks.keeper() is IMMUTABLE and reads settings",
    "B3": "hooks.keeper() is IMMUTABLE and reads settings",
    "C1": "db-prepared-statements is on",
    "F1": "find_pets(text) is SECURITY DEFINER",
    "F2": "view pet_list reads pets as its owner",
    "F3": "materialized view pet_list is a copy of pets",
    "F4": "table pets belongs to role_readwrite",
    "F5": "table visits has no row security",
    "F7": "policy pets_to_add of pets checks nothing",
}


def seen(leak: str, twin: str) -> list[dict[str, Any]]:
    ended = loadcheck("doctor", SCENARIOS / "leaks" / leak / f"{twin}.yaml", "--json")
    return [line for line in json.loads(ended.out)["lines"] if line["level"] != "ok"]


@pytest.mark.gallery
@pytest.mark.parametrize("leak", TOLD)
def test_the_doctor_points_at_the_leak_and_not_at_its_repaired_twin(leak: str) -> None:
    assert any(TOLD[leak] in line["text"] and line["fix"] for line in seen(leak, "leak"))
    assert seen(leak, "fixed") == []
