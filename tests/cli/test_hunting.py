import json
from pathlib import Path

from tests.cli.command import SCENARIOS, history, loadcheck, summary

POOL = 4
A1 = SCENARIOS / "leaks" / "A1"
SHORT = ("--set", "load.alone.requests=40", "--set", "load.crowd.requests=300", "--set", "thresholds.checked=100")
SOON = ("--stop-on-fail", "--no-reproduce")
RARE = ("--set", "identities.keeper.weight=99", "--set", "identities.no-claim.weight=1")


def test_a_leak_that_one_exchange_in_a_hundred_shows_is_found_soon(tmp_path: Path) -> None:
    ended = loadcheck("run", A1 / "leak.yaml", "--seed", 1, *RARE, *SOON, "--out", tmp_path / "run")
    assert ended.code == 1, ended.text
    (first, *_) = json.loads((tmp_path / "run" / "findings.json").read_text())
    assert first["seq"] < 500


def test_fresh_backends_and_answers_read_late_are_nobodys_failure(tmp_path: Path) -> None:
    hunting = ("share=100%", "aborts=0", "slow=20%", "cold=20%")
    settings = [part for setting in hunting for part in ("--set", f"hunt.{setting}")]
    # Backends are made anew beside the load, where the pool is full just then: it takes many chances.
    crowd = ("--set", "load.crowd.requests=3000")
    ended = loadcheck("run", A1 / "fixed.yaml", *SHORT, *crowd, *settings, "--out", tmp_path / "run")
    assert ended.code == 0, ended.text
    told = summary(tmp_path / "run")
    assert told["exchanges"]["unknown"] == 0
    assert told["coverage"]["backends"] > POOL
    assert not any("first use" in spot for spot in told["blind_spots"])


def test_backends_that_cannot_be_made_anew_are_told(tmp_path: Path) -> None:
    plain = ("--set", "stack.pooler=none", "--set", "stack.postgrest.db-pool=4")
    ended = loadcheck("run", A1 / "fixed.yaml", *SHORT, *plain, "--out", tmp_path / "run")
    assert ended.code == 0, ended.text
    assert any("at a backend's first use" in spot for spot in summary(tmp_path / "run")["blind_spots"])


def test_what_is_given_up_on_purpose_is_nobodys_failure(tmp_path: Path) -> None:
    hunting = ("--set", "hunt.share=100%", "--set", "hunt.aborts=50%")
    ended = loadcheck(
        "run", A1 / "fixed.yaml", *hunting, "--set", "thresholds.error_rate=0", "--set", "thresholds.checked=100",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert ended.code == 0, ended.text
    told = summary(tmp_path / "run")
    counts = told["exchanges"]
    assert counts["sent"] == counts["ok"] + counts["unknown"]
    assert told["unknowns"] == {"given up on purpose": counts["unknown"]}
    assert counts["unknown"] > 0
    assert sum("lost" in line for line in history(tmp_path / "run")) == counts["unknown"]
