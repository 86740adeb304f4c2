"""The scenario files that come with loadcheck."""

from pathlib import Path

import pytest

from loadcheck.scenario.load import load
from loadcheck.scenario.model import TokenKind

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FILES = sorted(SCENARIOS.rglob("*.yaml"))
TWINS = sorted(path.parent for path in SCENARIOS.glob("leaks/*/leak.yaml"))


def name(path: Path) -> str:
    return str(path.relative_to(SCENARIOS))


def body(path: Path) -> list[str]:
    """Return a scenario's lines from `stack` on, but for the names of its SQL files."""
    lines = path.read_text().splitlines()
    return [line for line in lines[lines.index("stack:") :] if not line.startswith("  sql: ")]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_scenario_loads_and_names_the_schema(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LOADCHECK_URL", "LOADCHECK_DATABASE", "LOADCHECK_JWT_SECRET"):
        monkeypatch.delenv(variable, raising=False)
    loaded = load(path)
    assert loaded.scenario.description
    assert not loaded.scenario.target.url
    assert all((loaded.folder / sql).is_file() for sql in loaded.scenario.stack.sql)
    first = path.read_text().splitlines()[0]
    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / schema).resolve() == SCENARIOS / "loadcheck.schema.json"


def test_leaks_come_with_a_repaired_twin() -> None:
    assert {folder.name for folder in TWINS} >= {"A1", "A2", "A3"}
    assert all((folder / "fixed.yaml").is_file() for folder in TWINS)


@pytest.mark.parametrize("folder", TWINS, ids=name)
def test_twins_differ_in_their_sql_only(folder: Path) -> None:
    assert body(folder / "leak.yaml") == body(folder / "fixed.yaml")
    leak, fixed = (load(folder / f"{twin}.yaml").scenario for twin in ("leak", "fixed"))
    assert (leak.name, fixed.name) == (f"{folder.name}-leak", f"{folder.name}-fixed")
    assert [leak.stack.sql[-1], fixed.stack.sql[-1]] == ["leak.sql", "fixed.sql"]


def test_pets_has_every_kind_of_caller() -> None:
    scenario = load(SCENARIOS / "pets.yaml").scenario
    mixes = {mix.name: mix for mix in scenario.identities}
    assert {mix.token for mix in mixes.values()} == {*TokenKind}
    assert mixes["keeper"].count == 500
    assert all(
        mix.expect is not None and mix.expect.statuses == (401,)
        for mix in mixes.values()
        if mix.token is not TokenKind.VALID
    )
    asks = mixes["asks-for-admin"].expect
    assert asks is not None
    assert (asks.statuses, asks.error) == ((403,), "42501")
