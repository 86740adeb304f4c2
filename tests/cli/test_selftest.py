"""`loadcheck selftest` trusts nothing that it has not seen: a detector that is switched off is named."""

import re
import subprocess
import sys

import pytest

from loadcheck.errors import ExitCode
from tests.cli.command import PATIENCE_S, REPOSITORY, loadcheck

JUDGE = "loadcheck.judge.judge:"
BLIND = {
    "rows": JUDGE + "_wrong_content",
    "headers": f"{JUDGE}_wrong_status,{JUDGE}_wrong_headers",
    "stamp": "loadcheck.run.judging.judging:stamp_of",
}


def blinded(detector: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.cli.blinded", BLIND[detector], "selftest", detector]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_a_detector_that_sees_is_told() -> None:
    ended = loadcheck("selftest", "policy")
    assert ended.code == ExitCode.PASS, ended.text
    planted, repaired, conclusion = ended.out.splitlines()[1:]
    assert planted == "  ok      the planted leak was caught: foreign-rows, cause policy"
    assert repaired.startswith("  ok      the repaired twin is clean: ")
    assert conclusion.startswith("selftest: all 1 detectors see (")


def test_a_detector_that_is_switched_off_is_named() -> None:
    ended = blinded("headers")
    assert ended.returncode == ExitCode.INCONCLUSIVE, ended.stdout + ended.stderr
    missed = next(line for line in ended.stdout.splitlines() if "MISSED" in line)
    assert missed.startswith("  MISSED  the planted leak: nothing was found (")
    assert re.search(r"\([\d,]+ answers right, 0 wrong, \d+ unknown", missed)
    assert "selftest: headers: blind here (" in ended.stdout


@pytest.mark.gallery
@pytest.mark.parametrize("detector", ["rows", "stamp"])
def test_whichever_it_is(detector: str) -> None:
    ended = blinded(detector)
    assert ended.returncode == ExitCode.INCONCLUSIVE, ended.stdout + ended.stderr
    assert f"selftest: {detector}: blind here (" in ended.stdout


@pytest.mark.gallery
def test_every_detector_sees() -> None:
    ended = loadcheck("selftest")
    assert ended.code == ExitCode.PASS, ended.text


def test_a_detector_that_does_not_exist() -> None:
    ended = loadcheck("selftest", "smell")
    assert ended.code == ExitCode.USAGE
    assert "'smell' is not one of 'rows'" in ended.err
