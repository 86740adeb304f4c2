"""Whatever stands in the file, only a ScenarioError comes out, and it can be shown."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadcheck.scenario.load import load
from loadcheck.scenario.problems import ScenarioError
from loadcheck.scenario.schema import json_schema
from tests.scenario.files import MINIMAL
from tests.scenario.test_design_sample import SAMPLE

quickly = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

KEYS = st.sampled_from(
    sorted({key for schema in json_schema()["$defs"].values() for key in schema.get("properties", {})})
)
WORDS = st.sampled_from(
    ["a", "{n}", "${A}", "$${", ":n", "SELECT :a", "/p", "uuid", "none", "1s", "5/s", "1%", "{{x}}", "*"]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | WORDS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)


def only_problems(folder: Path, content: bytes) -> None:
    path = folder / "fuzz.yaml"
    path.write_bytes(content)
    with suppress(ScenarioError):
        one = load(path, environ={"A": "1"})
        assert one.resolved
    with suppress(ScenarioError):
        load(path, {"load.0.duration": "1", "target.url": "${", "a..b": "'"}, {})


@quickly
@given(content=st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    only_problems(tmp_path, content)


@quickly
@given(content=st.text(alphabet="ab:-? \n\t'\"[]{},&*!|>%@`#<~$0.\\", max_size=60))
def test_any_yaml(tmp_path: Path, content: str) -> None:
    only_problems(tmp_path, content.encode())


@quickly
@given(
    data=st.dictionaries(st.sampled_from(["name", "target", "stack", "identities", "requests", "load", "x"]), VALUES)
)
def test_any_structure(tmp_path: Path, data: Any) -> None:
    only_problems(tmp_path, json.dumps(data).encode())


@quickly
@given(data=st.data())
def test_a_sample_with_one_value_replaced(tmp_path: Path, data: st.DataObject) -> None:
    lines = SAMPLE.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    key, colon, _ = lines[at].partition(":")
    replaced = key + colon + " " + json.dumps(data.draw(VALUES))
    only_problems(tmp_path, "\n".join([*lines[:at], replaced, *lines[at + 1 :]]).encode())


@quickly
@given(data=st.data())
def test_a_sample_cut_and_pasted(tmp_path: Path, data: st.DataObject) -> None:
    start, end, at = (data.draw(st.integers(0, len(SAMPLE))) for _ in range(3))
    only_problems(tmp_path, (SAMPLE[:at] + SAMPLE[start:end] + SAMPLE[at:]).encode())


@quickly
@given(
    overrides=st.dictionaries(st.text(max_size=12) | st.just("identities.0.claims"), st.text(max_size=12), max_size=3)
)
def test_any_override(tmp_path: Path, overrides: dict[str, str]) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(MINIMAL)
    with suppress(ScenarioError):
        load(path, overrides, {})


@pytest.mark.parametrize(
    "sql", ["(" * 20_000, "SELECT " + "NOT " * 7_000 + "1", "SELECT " + "(SELECT " * 3_000 + "1" + ")" * 3_000]
)
def test_sql_that_is_hard_on_a_parser(tmp_path: Path, sql: str) -> None:
    only_problems(tmp_path, MINIMAL.replace("rows: []", f"rows: '{sql}'").encode())
