"""Every known leak is found, and its repaired twin is clean: the whole command on the real stack, one folder a leak.

It takes minutes: `make gallery` runs it, `make test` does not.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadcheck.record.stored import StoredFinding
from loadcheck.selftest.expected import Expected
from tests.cli.command import REPOSITORY, SCENARIOS, loadcheck, summary
from tests.gallery import fixed_stack
from tests.scenarios.gallery_table import GalleryTable

GALLERY = SCENARIOS / "leaks"
FOLDERS = sorted(path.parent for path in GALLERY.glob("*/leak.yaml"))

pytestmark = [
    pytest.mark.gallery,
    pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS]),
]


@pytest.fixture(scope="module")
def gallery() -> Iterator[GalleryTable]:
    """The table that the tests fill; written once it is whole, so not by a run of some of them."""
    rows = GalleryTable()
    yield rows
    if rows.leaks.keys() == rows.twins.keys() == {folder.name for folder in FOLDERS}:
        rows.write(REPOSITORY / "reports" / "examples" / "gallery.md")


def test_the_leak_is_found(folder: Path, tmp_path: Path, gallery: GalleryTable) -> None:
    ended = loadcheck("run", folder / "leak.yaml", "--seed", 1, "--out", tmp_path / "run")
    assert ended.code == 1, ended.text
    found = findings(tmp_path / "run")
    assert list(Expected.of(folder).shortfalls(found)) == [], ended.text
    for each in found:
        if (source := each["source"]) is not None:
            assert source["claims"] != each["victim"]["claims"]
            assert each["symptom"] != "swapped" or keepers(each) <= {source["claims"].get("user_type")}
    if Expected.of(folder).reproduced:
        replays_red_on_the_leak_and_green_on_its_twin(folder, tmp_path, found)
    gallery.leak(folder, found)


def test_its_repaired_twin_is_clean(folder: Path, tmp_path: Path, gallery: GalleryTable) -> None:
    ended = loadcheck("run", folder / "fixed.yaml", "--seed", 1, "--out", tmp_path / "run")
    assert ended.code == 0, ended.text
    assert summary(tmp_path / "run")["findings"] == []
    gallery.twin(folder, summary(tmp_path / "run")["exchanges"]["ok"])


def replays_red_on_the_leak_and_green_on_its_twin(leak: Path, folder: Path, found: list[StoredFinding]) -> None:
    """Run the first reproduction, alone and then with the twin's stack in place of the leaking one."""
    reproduction = next((each["reproduction"] for each in found if each["reproduction"] is not None), None)
    assert reproduction is not None, [each["unreproduced"] for each in found]
    file = folder / "run" / reproduction["scenario"]
    red = loadcheck("run", file, "--out", folder / "red")
    assert red.code == 1, red.text
    green = loadcheck("run", file, "--set", f"stack={fixed_stack(leak.name)}", "--out", folder / "green")
    assert green.code == 0, green.text


def findings(folder: Path) -> list[StoredFinding]:
    read: list[StoredFinding] = json.loads((folder / "findings.json").read_text())
    return read


def keepers(finding: StoredFinding) -> set[str]:
    """Return whose rows were received, as far as the rows themselves say it."""
    rows = map(json.loads, finding["evidence"]["received"])
    return {row["keeper"] for row in rows if "keeper" in row}
