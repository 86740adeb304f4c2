from pathlib import Path

import pytest

from loadcheck.scenario.stack import PgBouncer
from tests.scenario.files import MINIMAL, loaded, told

DIGITS = "5" * 32
TEXT = (
    MINIMAL
    + "load:\n  - {name: warm, concurrency: 1, duration: 1s}\n  - {name: steady, concurrency: 2, duration: 2s}\n"
)


def test_values_are_replaced_by_key_index_and_name(tmp_path: Path) -> None:
    overrides = {
        "load.steady.duration": "30s",
        "load.0.concurrency": "7",
        "target.url": "http://localhost:3000",
        "target.jwt.secret": f'"{DIGITS}"',
        "description": "",
        "identities.keeper.claims.role": "true",
        "stack.postgrest.db-pool": "10",
    }
    scenario = loaded(tmp_path, TEXT, overrides).scenario
    assert (scenario.load[0].concurrency, scenario.load[1].duration) == (7, 30)
    assert scenario.target.url == "http://localhost:3000"
    assert scenario.target.jwt.secret.get_secret_value() == DIGITS
    assert scenario.description == ""
    assert scenario.identities[0].claims["role"] is True
    assert scenario.stack.postgrest == {"db-pool": 10}


def test_lists_and_mappings_are_written_as_yaml_has_them_in_a_line(tmp_path: Path) -> None:
    overrides = {
        "stack.pooler": "{mode: session, size: 2}",
        "stack.sql": "[]",
        "identities.keeper.claims": '{role: "x", list: [1, {a: true}]}',
        "stack.postgrest": '{app.settings.x: "${HOME}"}',
        "load": "[{name: one, concurrency: 1, duration: 1s}]",
        "load.one.duration": "3s",
    }
    scenario = loaded(tmp_path, TEXT, overrides).scenario
    assert scenario.stack.pooler == PgBouncer(mode="session", size=2)
    assert scenario.stack.sql == []
    assert scenario.identities[0].claims == {"role": "x", "list": [1, {"a": True}]}
    assert scenario.stack.postgrest == {"app.settings.x": "${HOME}"}
    assert [(phase.name, phase.duration) for phase in scenario.load] == [("one", 3)]


WRONG = [
    ("faults", "[{do: schema-reload, for: 3s}]", "`for` does not go with schema-reload", "known here: at every"),
    (
        "stack.pooler",
        "{mode: sesion}",
        "`mode` must be one of transaction, session, statement",
        "did you mean `session`?",
    ),
    ("requests.list.expect.rows", "[{id: '{nn}'}]", "{nn} is neither a claim nor a variable here", "did you mean `n`?"),
    ("load.steady.duration", "soon", "`duration` is not a duration", "write it like 250ms, 10s, 5m or 1h"),
    ("load.stedy.x", "1", "`stedy` is neither the name nor the index of one of these 2", "did you mean `steady`?"),
    ("load.5.x", "1", "`5` is neither the name nor the index of one of these 2", "known here: warm, steady"),
    ("name.x", "1", "`x` leads nowhere: what comes before it is not a list or a mapping", ""),
    ("tresholds", "1", "unknown key `tresholds`", "did you mean `thresholds`?"),
    ("target.ulr", "1", "unknown key `ulr`", "did you mean `url`?"),
    ("identities.keeper.count", "none", "`count` must be a whole number, not text", ""),
    ("requests.list.expect.rows", "SELECT FROM WHERE", 'SQL: syntax error at or near "WHERE"', ""),
]


@pytest.mark.parametrize(("path", "value", "problem", "hint"), WRONG)
def test_a_wrong_one_is_told_as_such(tmp_path: Path, path: str, value: str, problem: str, hint: str) -> None:
    assert told(tmp_path, TEXT, {path: value}) == [f"--set {path}: {problem}" + (hint and f"\n    {hint}")]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("{mode: session, x: [}", "1:21: not YAML: did not find expected node content"),
        ("{mode: session} more", "1:17: not YAML: did not find expected <document start>"),
        ("{size: 1, size: 2}", "1:11: `size` is given twice"),
        ("[*a]", "1:2: the alias *a names no anchor before it"),
    ],
)
def test_a_list_or_mapping_that_cannot_be_read(tmp_path: Path, value: str, problem: str) -> None:
    (one,) = told(tmp_path, TEXT, {"stack.pooler": value})
    assert one.startswith(f"--set stack.pooler:{problem}")


def test_an_alias_elsewhere_keeps_its_value(tmp_path: Path) -> None:
    text = TEXT.replace("{role: r,", "&c {role: r,").replace("requests:", "  - {name: b, claims: *c}\nrequests:")
    first, second = loaded(tmp_path, text, {"identities.0.claims.role": "x"}).scenario.identities
    assert (first.claims["role"], second.claims["role"]) == ("x", "r")
