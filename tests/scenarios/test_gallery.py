"""Every known leak is found, and its repaired twin is clean: the whole command on the real stack, one folder a leak.

It takes minutes: `make gallery` runs it, `make test` does not.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import SCENARIOS, loadcheck, summary

GALLERY = SCENARIOS / "leaks"
FOLDERS = sorted(path.parent for path in GALLERY.glob("*/leak.yaml"))

pytestmark = [
    pytest.mark.gallery,
    pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS]),
]


def test_the_leak_is_found(folder: Path, tmp_path: Path) -> None:
    wanted = expected(folder)
    ended = loadcheck("run", folder / "leak.yaml", "--seed", 1, "--out", tmp_path / "run")
    assert ended.code == 1, ended.text
    found = findings(tmp_path / "run")
    assert found
    assert {each["symptom"] for each in found} <= set(wanted["symptom"]), ended.text
    named = [each for each in found if each["source"] is not None]
    assert named or not wanted["source"], ended.text
    for each in named:
        assert each["source"]["claims"] != each["victim"]["claims"]
        if each["symptom"] == "swapped":
            assert keepers(each) <= {each["source"]["claims"].get("user_type")}
    assert max(found, key=lambda each: each["count"])["cause"] == wanted["cause"], ended.text
    hole_or_leak = {"policy", "session-state", "plan-cache"}
    assert {each["cause"] for each in found} & hole_or_leak <= {wanted["cause"]}, ended.text


def test_its_repaired_twin_is_clean(folder: Path, tmp_path: Path) -> None:
    ended = loadcheck("run", folder / "fixed.yaml", "--seed", 1, "--out", tmp_path / "run")
    assert ended.code == 0, ended.text
    assert summary(tmp_path / "run")["findings"] == []


def expected(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((folder / "expected.yaml").read_text())
    return read


def findings(folder: Path) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads((folder / "findings.json").read_text())
    return read


def keepers(finding: dict[str, Any]) -> set[str]:
    """Return whose rows were received, as far as the rows themselves say it."""
    rows = map(json.loads, finding["evidence"]["received"])
    return {row["keeper"] for row in rows if "keeper" in row}
