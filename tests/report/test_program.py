import shutil
import sys
from pathlib import Path

import pytest

from loadcheck.record.stored import StoredMessage
from loadcheck.report.curl import curl_lines
from loadcheck.report.program import program

MESSAGE: StoredMessage = {
    "method": "GET",
    "url": "http://127.0.0.1:3000/pets",
    "headers": {},
    "body": None,
    "token": ["loadcheck", "token", "pets.yaml", "keeper#17"],
}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `loadcheck` that was started by its path, in a folder that the PATH does not name."""
    file = tmp_path / "bin" / "loadcheck"
    file.parent.mkdir()
    file.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(file), "run", "pets.yaml"])
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return file


def test_a_program_beside_the_path_is_named_as_it_was_started(installed: Path) -> None:
    assert program() == str(installed)
    assert f"$({installed} token" in "".join(curl_lines(MESSAGE, 400))


def test_a_program_on_the_path_has_its_short_name(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(installed.parent))
    assert shutil.which("loadcheck") == str(installed)
    assert program() == "loadcheck"


@pytest.mark.parametrize(
    "started", ["-c", "/lib/python3.11/site-packages/loadcheck/__main__.py", "/usr/bin/pytest", ""]
)
def test_what_is_no_program_of_that_name_is_not_named(started: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [started])
    assert program() == "loadcheck"
