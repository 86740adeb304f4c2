"""Scenarios written for a test, and what load says of them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from loadcheck.scenario.load import LoadedScenario, load
from loadcheck.scenario.problems import ScenarioError

MINIMAL = """\
name: minimal
identities:
  - {name: keeper, count: 3, claims: {role: r, user_type: "t-{n}"}}
requests:
  - {name: list, get: /pets, expect: {rows: []}}
"""


def written(folder: Path, text: str, name: str = "scenario.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, text: str, overrides: Mapping[str, str] | None = None, **environ: str) -> LoadedScenario:
    return load(written(folder, text), overrides, environ)


def told(folder: Path, text: str, overrides: Mapping[str, str] | None = None, **environ: str) -> list[str]:
    """Return every problem as the user reads it, without the folder's name."""
    with pytest.raises(ScenarioError) as raised:
        load(written(folder, text), overrides, environ)
    return [str(problem).replace(f"{folder}/", "") for problem in raised.value.problems]
