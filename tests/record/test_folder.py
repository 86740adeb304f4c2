import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from loadcheck.errors import EnvironmentProblem, UsageProblem
from loadcheck.record.folder import RunFolder
from tests.record.samples import STARTED, TOKEN


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_run_goes_below_reports_under_its_name_and_time() -> None:
    assert RunFolder.create(None, "pets", STARTED).path == Path("reports/pets-20250101T120000Z")


def test_two_runs_of_the_same_second_get_a_folder_each() -> None:
    paths = {RunFolder.create(None, "pets", STARTED).path.name for _ in range(3)}
    assert paths == {"pets-20250101T120000Z", "pets-20250101T120000Z-2", "pets-20250101T120000Z-3"}


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("Haustiere: für alle", "Haustiere-f-r-alle"),
        ("///", "run"),
        ("犬と猫", "run"),
        ("x" * 500, "x" * 60),
    ],
)
def test_a_scenario_s_name_makes_one_safe_folder_name(name: str, folder: str) -> None:
    path = RunFolder.create(None, name, STARTED).path
    assert path == Path("reports") / f"{folder}-20250101T120000Z"


def test_out_is_the_folder_itself_and_may_exist(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    assert RunFolder.create(out, "pets", STARTED).path == out
    assert RunFolder.create(out, "pets", STARTED).path == out
    assert list(out.iterdir()) == []


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "out", "pets", STARTED).write_summary({})
    with pytest.raises(UsageProblem, match="already holds a run"):
        RunFolder.create(tmp_path / "out", "pets", STARTED)


def test_a_scenario_of_the_users_own_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text("name: mine")
    with pytest.raises(UsageProblem, match=r"holds a file scenario\.yaml"):
        RunFolder.create(tmp_path, "pets", STARTED)
    assert (tmp_path / "scenario.yaml").read_text() == "name: mine"


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "reports").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below", None):
        with pytest.raises(EnvironmentProblem, match="run folder cannot be used") as caught:
            RunFolder.create(out, "pets", STARTED)
        assert "--out" in caught.value.advice


def test_a_folder_that_cannot_be_made_is_told() -> None:
    with pytest.raises(EnvironmentProblem, match="run folder cannot be used"):
        RunFolder.create(Path("/proc/loadcheck"), "pets", STARTED)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write everywhere, so the attempt is made as nobody; another user is as good as nobody."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_read_only_folder_is_told_before_anything_is_sent() -> None:
    with TemporaryDirectory() as out:
        Path(out).chmod(0o555)
        with pytest.raises(EnvironmentProblem, match="Permission denied") as caught, as_nobody():
            RunFolder.create(Path(out), "pets", STARTED)
        assert caught.value.message == f"the run folder cannot be used: {out}: Permission denied"
        Path(out).chmod(0o755)


def test_files_are_whole_and_hold_no_token(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", "pets", STARTED)
    folder.write_scenario("name: pets\n")
    folder.write_findings([{"echoed": f"Bearer {TOKEN}", "wide": 10**30, "odd": "\ud800 犬"}])
    folder.write_findings([{"echoed": f"Bearer {TOKEN}", "wide": 10**30, "odd": "\ud800 犬"}])
    folder.write_summary({"schema": 1})
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "findings.json",
        "scenario.yaml",
        "summary.json",
    ]
    (found,) = json.loads((folder.path / "findings.json").read_bytes())
    assert found == {"echoed": "Bearer [token]", "wide": 10**30, "odd": "? 犬"}
    assert folder.history == folder.path / "history.ndjson.gz"


def test_a_folder_that_vanished_is_told(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", "pets", STARTED)
    folder.path.rmdir()
    with pytest.raises(EnvironmentProblem, match="No such file"):
        folder.write_summary({})


def test_a_run_that_never_began_leaves_no_folder_and_nothing_else_is_taken(tmp_path: Path) -> None:
    refused, begun, others = (RunFolder.create(tmp_path / name, "pets", STARTED) for name in ("refused", "begun", "x"))
    for folder in (refused, begun, others):
        folder.write_scenario("name: pets")
    begun.history.touch()
    (others.path / "notes.txt").touch()
    for folder in (refused, begun, others):
        folder.forget_unless_begun()
    assert not refused.path.exists()
    assert (begun.path / "scenario.yaml").exists()
    assert [left.name for left in others.path.iterdir()] == ["notes.txt"]
