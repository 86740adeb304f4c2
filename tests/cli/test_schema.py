import json
from typing import Any

import jsonschema
import pytest

from tests.cli.command import REPOSITORY, SCENARIOS, loadcheck


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    ended = loadcheck("schema")
    assert (ended.code, ended.err) == (0, "")
    printed: dict[str, Any] = json.loads(ended.out)
    return printed


def test_it_is_draft_07(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(schema)


def test_the_committed_one_is_up_to_date(schema: dict[str, Any]) -> None:
    committed = json.loads((SCENARIOS / "loadcheck.schema.json").read_text(encoding="utf-8"))
    assert committed == schema, "run `make schema`"


def test_the_reference_is_up_to_date() -> None:
    ended = loadcheck("schema", "reference")
    assert (ended.code, ended.err) == (0, "")
    committed = (REPOSITORY / "docs" / "scenario.md").read_text(encoding="utf-8")
    assert committed == ended.out, "run `make docs`"


def test_every_key_is_described(schema: dict[str, Any]) -> None:
    owners = [schema, *schema["$defs"].values()]
    for owner in owners:
        for key, value in owner.get("properties", {}).items():
            assert value.get("description"), key


MIX = {"name": "a"}
REQUEST = {"name": "r", "get": "/p", "expect": {"status": 200}}


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"nme": "x"}, False),
        ({"identities": []}, False),
        ({"identities": [MIX | {"count": 0}]}, False),
        ({"identities": [MIX | {"count": "${N}"}]}, True),
        ({"identities": [MIX | {"count": "many"}]}, False),
        ({"identities": [MIX | {"token": "${KIND:-expired}"}]}, True),
        ({"identities": [MIX | {"token": "expird"}]}, False),
        ({"requests": [REQUEST | {"post": "/p"}]}, False),
        ({"requests": [REQUEST | {"vars": {"a": "uuid", "b": {"int": [1, "${N}"]}, "c": {"choice": [1, "x"]}}}]}, True),
        ({"requests": [REQUEST | {"vars": {"a": {"int": [1]}}}]}, False),
        ({"requests": [REQUEST | {"expect": {"status": [200, "${S}"], "rows": []}}]}, True),
        ({"load": [{"name": "l", "rate": "5/s", "duration": "3s"}]}, True),
        ({"load": [{"name": "l", "rate": "5/s", "concurrency": 1, "duration": "3s"}]}, False),
        ({"load": [{"name": "l", "rate": "fast", "duration": "3s"}]}, False),
        ({"load": [{"name": "l", "rate": "${RATE}", "duration": 3, "measure": "${M}"}]}, True),
        ({"load": [{"name": "l", "concurrency": 1, "exchanges": [{"identity": "a", "request": "r"}]}]}, True),
        ({"load": [{"name": "l", "concurrency": 1}]}, False),
        ({"stack": {"pooler": "none"}}, True),
        ({"stack": {"pooler": {"run": "x"}}}, True),
        ({"stack": {"pooler": {"mode": "session", "pool_timeout": 5}}}, True),
        ({"stack": {"pooler": {"mode": "transactoin"}}}, False),
        ({"target": {"url": "${URL}", "timeout": "10s", "jwt": {"algorithm": "${ALG}"}}}, True),
        ({"target": {"url": "localhost"}}, False),
        ({"thresholds": {"p99": "1s", "error_rate": "0.1%", "checked": 5}}, True),
        ({"thresholds": {"p98": "1s"}}, False),
    ],
)
def test_it_takes_what_load_takes(schema: dict[str, Any], change: dict[str, Any], *, valid: bool) -> None:
    scenario = {"name": "x", "identities": [MIX], "requests": [REQUEST], **change}
    assert jsonschema.Draft7Validator(schema).is_valid(scenario) is valid
