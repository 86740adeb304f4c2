"""The fewest exchanges that show a finding again: found, written down, and red on the leak alone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cli.command import PATIENCE_S, REPOSITORY, SCENARIOS, loadcheck
from tests.cli.target import Target, kept
from tests.gallery import fixed_stack

SHORT = ("--seed", 1, "--set", "load=[{name: alone, concurrency: 1, requests: 80}]", "--set", "thresholds={}")


def leaked(folder: Path, leak: str, *more: object) -> dict[str, Any]:
    """Run a leak of the gallery and return its first finding."""
    ended = loadcheck("run", SCENARIOS / "leaks" / leak / "leak.yaml", *SHORT, "--out", folder / "run", *more)
    assert ended.code == 1, ended.text
    found: list[dict[str, Any]] = json.loads((folder / "run" / "findings.json").read_text())
    assert "eyJ" not in (folder / "run" / "findings.json").read_text()
    return found[0]


def test_a_function_that_poisons_its_backend_takes_two_exchanges(tmp_path: Path) -> None:
    finding = leaked(tmp_path, "A3")
    assert finding["cause"] == "session-state"
    assert len(finding["reasoning"]) == 3
    assert finding["reproduction"]["exchanges"] == 2
    source, victim = finding["source"]["label"], finding["victim"]["label"]
    assert finding["reproduction"]["told"] == f"{source} my pets, then {victim} list"
    file = tmp_path / "run" / finding["reproduction"]["scenario"]
    red = loadcheck("run", file, "--out", tmp_path / "red")
    assert red.code == 1, red.text
    green = loadcheck("run", file, "--set", f"stack={fixed_stack('A3')}", "--out", tmp_path / "green")
    assert green.code == 0, green.text


def test_a_hole_in_the_policies_takes_one(tmp_path: Path) -> None:
    finding = leaked(tmp_path, "F2", "--set", "load=[{name: alone, concurrency: 1, requests: 30}]")
    assert finding["cause"] == "policy"
    assert len(finding["reasoning"]) == 3
    assert "directly in PostgreSQL as the identity: 5 of 5 wrong" in finding["reasoning"][1]
    assert "view pet_list: without security_invoker" in finding["reasoning"][2]
    assert finding["reproduction"]["exchanges"] == 1


def test_a_target_is_asked_what_can_be_asked_there(tmp_path: Path) -> None:
    with kept(SCENARIOS / "leaks" / "A1" / "leak.yaml") as target:
        finding = leaked(tmp_path, "A1", *target.options, "--reproduce")
        assert finding["cause"] == "session-state"
        assert len(finding["reasoning"]) == 3
        reproduction = finding["reproduction"]
        assert (reproduction["exchanges"], reproduction["fresh"]) == (2, False)
        answers = curled(tmp_path / "run" / reproduction["script"], target)
    keeper = finding["source"]["claims"]["user_type"]
    assert "# no-claim list\n" in answers[0]
    assert [body.count(f'"keeper":"{keeper}"') for body in answers] == [20, 20]


def curled(script: Path, target: Target) -> list[str]:
    """Run the script of curl lines as a user does; return the answers' bodies."""
    program = script.parent / "program"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m loadcheck "$@"\n')
    program.chmod(0o755)
    environment = {
        "LOADCHECK": str(program),
        "LOADCHECK_URL": target.given["--url"],
        "LOADCHECK_JWT_SECRET": target.given["--jwt-secret"],
        "PYTHONPATH": str(REPOSITORY),
    }
    done = subprocess.run(
        ["/bin/sh", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    return done.stdout.split("HTTP/1.1 200")[1:]
