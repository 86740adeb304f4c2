"""What is odd, and right all the same: not one violation, and nothing left unknown."""

from pathlib import Path

from tests.cli.command import loadcheck, summary

ODD = Path(__file__).parent / "odd" / "odd.yaml"


def test_what_is_odd_and_right_passes(tmp_path: Path) -> None:
    ended = loadcheck("run", ODD, "--seed", 1, "--out", tmp_path / "run")
    told = summary(tmp_path / "run")
    assert told["findings"] == []
    assert told["exchanges"]["unknown"] == 0
    assert (ended.code, told["verdict"]) == (0, "pass"), ended.text
