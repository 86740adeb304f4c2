"""Every known leak is found, and its repaired twin is clean: the whole command on the real stack, one folder a leak.

It takes minutes: `make gallery` runs it, `make test` does not. Each is run by both transports.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from loadcheck.errors import ExitCode
from loadcheck.record.stored import FindingHead, StoredFinding
from loadcheck.scenario.load import load
from loadcheck.selftest.expected import Expected, main
from tests.cli.command import loadcheck, summary
from tests.gallery import fixed_stack
from tests.scenarios.gallery_table import FOLDERS, Leak, Twin

_ENDED = {ExitCode.PASS, ExitCode.FAIL, ExitCode.INCONCLUSIVE, ExitCode.THRESHOLD}  # with a summary of what was seen

pytestmark = [
    pytest.mark.gallery,
    pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS]),
]


def test_the_leak_is_found(folder: Path, tmp_path: Path) -> None:
    ended = loadcheck("run", folder / "leak.yaml", "--seed", 1, "--out", tmp_path / "run")
    assert ended.code in _ENDED, ended.text
    found, expected = findings(tmp_path / "run"), Expected.of(folder)
    seen = Leak.of(found)
    seen.keep(folder.name)
    assert ended.code == 1, ended.text
    assert list(expected.shortfalls(found)) == [], ended.text
    assert seen.names(expected.named), seen.reasoning
    assert seen.source_right, [(each["symptom"], each["victim"], each["source"]) for each in found]
    if expected.reproduced:
        replays_red_on_the_leak_and_green_on_its_twin(folder, tmp_path, found)
    is_the_same_by_the_other_transport(folder / "leak.yaml", tmp_path, expected)


def test_its_repaired_twin_is_clean(folder: Path, tmp_path: Path) -> None:
    ended = loadcheck("run", folder / "fixed.yaml", "--seed", 1, "--out", tmp_path / "run")
    assert ended.code in _ENDED, ended.text
    counts = summary(tmp_path / "run")["exchanges"]
    Twin(counts["ok"], counts["violation"]).keep(folder.name)
    assert ended.code == 0, ended.text
    assert summary(tmp_path / "run")["findings"] == []
    is_the_same_by_the_other_transport(folder / "fixed.yaml", tmp_path, Expected.of(folder))


def replays_red_on_the_leak_and_green_on_its_twin(leak: Path, folder: Path, found: list[StoredFinding]) -> None:
    """Run the first reproduction, alone and then with the twin's stack in place of the leaking one."""
    reproduction = next((each["reproduction"] for each in found if each["reproduction"] is not None), None)
    assert reproduction is not None, [each["unreproduced"] for each in found]
    file = folder / "run" / reproduction["scenario"]
    red = loadcheck("run", file, "--out", folder / "red")
    assert red.code == 1, red.text
    green = loadcheck("run", file, "--set", f"stack={fixed_stack(leak.name)}", "--out", folder / "green")
    assert green.code == 0, green.text


def is_the_same_by_the_other_transport(scenario: Path, folder: Path, expected: Expected) -> None:
    """Run it by aiohttp and hold what came of it against the run by our own transport.

    Nobody looks for the fewest exchanges again: which transport was used has no part in them.
    """
    options = ["--seed", 1, "--transport", "aiohttp", "--no-reproduce", "--out", folder / "aiohttp"]
    ended = loadcheck("run", scenario, *options)
    assert ended.code in _ENDED, ended.text
    of_ours, of_aiohttp = summary(folder / "run"), summary(folder / "aiohttp")
    assert told(of_aiohttp, expected) == told(of_ours, expected), ended.text
    if sends_a_number(scenario) and not (cut_short(of_ours) or cut_short(of_aiohttp)):
        assert sent(of_aiohttp) == sent(of_ours), ended.text
    assert not of_aiohttp["findings"] or list(expected.at_sight.shortfalls(of_aiohttp["findings"])) == [], ended.text


def told(run: dict[str, Any], expected: Expected) -> dict[str, object]:
    """Return what a run must tell by whichever transport; the rest is up to luck.

    Who has a backend next is up to the servers: so are how many answers are wrong, which of several symptoms is seen
    most often, and who is a finding's first victim and source.
    """
    found: list[FindingHead] = run["findings"]
    return {
        "verdict": run["verdict"],
        "exit code": run["exit_code"],
        "cause": main(found)["cause"] if found else None,
        "symptom": main(found)["symptom"] if found and len(expected.symptoms) == 1 else None,
    }


def sends_a_number(scenario: Path) -> bool:
    """Whether the load says how many are sent, and not for how long."""
    return all(phase.requests is not None for phase in load(scenario).hunting().scenario.load)


def cut_short(run: dict[str, Any]) -> bool:
    """Whether a server under test ended for good before the load did, as PostgREST may over C1."""
    return any(reason.startswith("the run was cut short") for reason in run["reasons"])


def sent(run: dict[str, Any]) -> tuple[int, int]:
    return run["exchanges"]["sent"], run["warm_up"]["sent"]


def findings(folder: Path) -> list[StoredFinding]:
    read: list[StoredFinding] = json.loads((folder / "findings.json").read_text())
    return read
