"""The scenario files that come with loadcheck."""

from pathlib import Path

import pytest
import yaml

from loadcheck.judge.verdict import Cause, Symptom
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.load import load

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FILES = sorted(path for path in SCENARIOS.rglob("*.yaml") if path.name != "expected.yaml")
TWINS = sorted(path.parent for path in SCENARIOS.glob("leaks/*/leak.yaml"))


def name(path: Path) -> str:
    return str(path.relative_to(SCENARIOS))


def parts(path: Path) -> tuple[list[str], list[str]]:
    """Return the lines of a scenario's stack, and those of everything after it."""
    lines = path.read_text().splitlines()
    stack, rest = lines.index("stack:"), lines.index("identities:")
    return lines[stack:rest], lines[rest:]


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
    assert len(TWINS) >= 20
    assert all((folder / "fixed.yaml").is_file() for folder in TWINS)


@pytest.mark.parametrize("folder", TWINS, ids=name)
def test_twins_differ_in_one_line_of_the_stack_only(folder: Path) -> None:
    (leak, same), (fixed, too) = (parts(folder / f"{twin}.yaml") for twin in ("leak", "fixed"))
    assert same == too
    assert sum(one != other for one, other in zip(leak, fixed, strict=True)) == 1
    names = [load(folder / f"{twin}.yaml").scenario.name for twin in ("leak", "fixed")]
    assert names == [f"{folder.name}-leak", f"{folder.name}-fixed"]


@pytest.mark.parametrize("folder", TWINS, ids=name)
def test_every_leak_says_what_is_expected_to_be_found(folder: Path) -> None:
    expected = yaml.safe_load((folder / "expected.yaml").read_text())
    assert expected.keys() - {"one_of", "reproduced", "named", "source_at_sight"} == {"symptom", "cause", "source"}
    assert set(map(Symptom, expected["symptom"]))
    assert set(expected.get("one_of", ())) <= set(expected["symptom"])
    assert Cause(expected["cause"]) is not Cause.UNDETERMINED
    assert isinstance(expected["source"], bool)
    # Only what has a culprit in PostgreSQL's catalogue can have it named.
    assert bool(expected.get("named")) == (expected["cause"] in {"policy", "plan-cache"})
    assert isinstance(expected.get("reproduced", True), bool)


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
