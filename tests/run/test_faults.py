"""Whole runs on a real stack while it breaks."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from loadcheck.clock import SystemClock
from loadcheck.errors import UsageProblem
from loadcheck.run.interruption import Interruption
from loadcheck.run.powers import Powers
from loadcheck.run.run import Ended, Run, RunOptions
from loadcheck.scenario.load import load
from loadcheck.scenario.model import Target
from loadcheck.stack.stack import EmbeddedStack, embedded
from tests.cli.command import history
from tests.pets import FOLDER, pets
from tests.run.test_run import SCENARIO, Told


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[EmbeddedStack]:
    """A stack of this module's own to break."""
    async with embedded(pets(), FOLDER) as stack:
        yield stack


async def run(stack: EmbeddedStack, folder: Path, faults: str, phase: str, more: str = "") -> tuple[Ended, Told]:
    path = folder / "scenario.yaml"
    path.write_text(f"{SCENARIO}\n{more}\nfaults: [{faults}]\nload: [{{name: load, {phase}}}]")
    told = Told()
    target = Target(url=stack.url, database=SecretStr(stack.database), jwt=stack.jwt)
    options = RunOptions(seed=1, out=folder / "run")
    powers = Powers(stack.freshen, stack.breaks)
    return await Run(load(path).aimed_at(target), options, told, Interruption(), SystemClock(), powers).run(), told


def clean(ended: Ended) -> dict[str, Any]:
    """Return the only fault of a run that was right in everything."""
    assert ended.findings == []
    assert ended.summary["exit_code"] == 0, ended.summary
    (fault,) = ended.summary["faults"]
    assert not fault["failed"]
    return dict(fault)


@pytest.mark.parametrize("fault", ["terminate-backends", "cancel-queries"])
async def test_backends_that_end_under_load(fault: str, stack: EmbeddedStack, tmp_path: Path) -> None:
    ended, told = await run(
        stack,
        tmp_path,
        f"{{do: {fault}, at: 0.2s, every: 0.2s, share: 50%}}",
        "concurrency: 8, duration: 2s",
        "thresholds: {recovery: 10s, error_rate: 10%}",
    )
    toll = clean(ended)
    assert toll["do"] == fault
    assert toll["times"] >= 3
    assert toll["recovered"] >= 1
    assert ended.summary["thresholds"][0]["held"] is True
    assert f"fault: {fault}" in told.steps
    assert any(line.get("fault") == fault for line in history(tmp_path / "run"))


async def test_a_fault_that_never_happened_makes_no_run_green(stack: EmbeddedStack, tmp_path: Path) -> None:
    ended, _ = await run(stack, tmp_path, "{do: cancel-queries, at: 1h}", "concurrency: 2, requests: 100")
    assert ended.summary["exit_code"] == 2
    assert "the fault cancel-queries never happened: the load ended before" in ended.summary["reasons"]


async def test_a_target_is_not_ours_to_break(stack: EmbeddedStack, tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(f"{SCENARIO}\nfaults: [{{do: postgres-crash}}]")
    target = Target(url=stack.url, database=SecretStr(stack.database), jwt=stack.jwt)
    work = Run(load(path).aimed_at(target), RunOptions(1, tmp_path / "run"), Told(), Interruption(), SystemClock())
    with pytest.raises(UsageProblem, match="the fault postgres-crash needs the embedded stack"):
        await work.run()
    assert not (tmp_path / "run").exists()
