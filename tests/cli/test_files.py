"""Files of a report that cannot be written: told before anything is sent, and never in the place of a verdict."""

from pathlib import Path

import pytest

from tests.cli.command import SCENARIOS, loadcheck

LEAK = SCENARIOS / "leaks" / "A1" / "leak.yaml"
FIXED = SCENARIOS / "leaks" / "A1" / "fixed.yaml"
FULL = Path("/dev/full")  # can be opened, and every write to it fails as on a full disk


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("none/x.xml", "No such file or directory"),
        ("", "Is a directory"),
        ("file/x.xml", "Not a directory"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_before_the_run(path: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = loadcheck("run", LEAK, "--junit", tmp_path / path, "--out", tmp_path / "run")
    assert ended.code == 4, ended.text
    assert f"{tmp_path / path} cannot be written: {reason}" in ended.err
    assert "starting" not in ended.text
    assert not (tmp_path / "run").exists()


def test_two_formats_in_one_file_are_a_mistake(tmp_path: Path) -> None:
    same = tmp_path / "report"
    ended = loadcheck("run", LEAK, "--junit", same, "--markdown", same, "--out", tmp_path / "run")
    assert ended.code == 4, ended.text
    assert f"--junit and --markdown both name {same}" in ended.err


def test_a_violation_counts_for_more_than_a_file_and_the_other_files_are_written(tmp_path: Path) -> None:
    inside = tmp_path / "run" / "report.md"  # the run makes this folder
    files = ("--junit", FULL, "--markdown", inside)
    ended = loadcheck("run", LEAK, "--no-reproduce", *files, "--out", tmp_path / "run")
    assert ended.code == 1, ended.text
    assert f"{FULL} cannot be written: No space left on device" in ended.err
    assert "fail" in inside.read_text()
    assert loadcheck("recheck", tmp_path / "run", "--junit", FULL).code == 1


def test_a_pass_without_its_file_is_no_success(tmp_path: Path) -> None:
    ended = loadcheck("run", FIXED, "--junit", FULL, "--out", tmp_path / "run")
    assert ended.code == 5, ended.text
    assert "verdict: pass" in ended.out


def test_a_draft_that_cannot_be_written_is_told_as_that(tmp_path: Path) -> None:
    ended = loadcheck("init", SCENARIOS / "pets.sql", "--role", "role_readwrite", "--out", tmp_path / "none" / "x.yaml")
    assert ended.code == 4, ended.text
    assert f"{tmp_path / 'none' / 'x.yaml'} cannot be written: No such file or directory" in ended.err
