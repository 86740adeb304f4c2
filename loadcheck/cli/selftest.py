"""`loadcheck selftest`: prove on this machine that every detector sees, before a green run is trusted."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
import uvloop
from rich.console import Console

from loadcheck.cli.demo import scenarios
from loadcheck.cli.run import carry_out
from loadcheck.cli.targets import Given
from loadcheck.errors import ExitCode
from loadcheck.judge.findings import Finding
from loadcheck.record.stored import Summary
from loadcheck.record.tally import Tally
from loadcheck.report.terminal import open_console
from loadcheck.run.observer import Gauges
from loadcheck.run.run import Ended, RunOptions
from loadcheck.scenario.load import load
from loadcheck.selftest.detectors import DETECTORS, Detector
from loadcheck.selftest.expected import Expected, main

_SEED: Final = 1
_STOPPED: Final = frozenset({ExitCode.INTERRUPTED, ExitCode.TERMINATED})
_NAMES: Final = click.Choice([detector.name for detector in DETECTORS])


@click.command("selftest")
@click.argument("detectors", nargs=-1, type=_NAMES)
def command(detectors: Sequence[str]) -> ExitCode:
    """Plant leaks on the embedded stack, and see whether DETECTORS (all, if none is named) catch them.

    Each planted leak must be found with its cause, and its repaired twin must be clean. Exits with 0 when all were,
    with 2 when one was missed.
    """
    chosen = [detector for detector in DETECTORS if not detectors or detector.name in detectors]
    console = open_console()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, TemporaryDirectory() as folder:
        return runner.run(_prove(chosen, console, Path(folder)))


class _Silent:
    """An observer that shows nothing: a selftest tells of whole runs only."""

    def step(self, text: str) -> None:
        """Say nothing of steps."""

    def started(self, tally: Tally, gauges: Gauges) -> None:
        """Show no load."""

    def finding(self, finding: Finding) -> None:
        """Say nothing of findings: they are wanted."""

    def finished(self) -> None:
        """Give nothing back."""


async def _prove(detectors: Sequence[Detector], console: Console, folder: Path) -> ExitCode:
    began, blind = time.monotonic(), []
    for detector in detectors:
        console.print(f"{detector.name}: {detector.sees} ({detector.leak})")
        for twin, see in (("leak", _leak), ("fixed", _twin)):
            ended, code = await _run(detector, twin, folder)
            if code in _STOPPED or ended is None:
                return code
            seen, told = see(detector, ended)
            console.print(f"  {'ok    ' if seen else 'MISSED'}  {told}", soft_wrap=True)
            if not seen and detector.name not in blind:
                blind.append(detector.name)
    _conclude(console, detectors, blind, time.monotonic() - began)
    return ExitCode.INCONCLUSIVE if blind else ExitCode.PASS


async def _run(detector: Detector, twin: str, folder: Path) -> tuple[Ended | None, ExitCode]:
    loaded = load(_folder(detector) / f"{twin}.yaml")
    options = RunOptions(_SEED, folder / f"{detector.leak}-{twin}", reproduce=False)
    return await carry_out(loaded, Given(embedded=True), options, _Silent())


def _leak(detector: Detector, ended: Ended) -> tuple[bool, str]:
    findings = ended.summary["findings"]
    short = "; ".join(Expected.of(_folder(detector)).at_sight.shortfalls(findings))
    if short:
        return False, f"the planted leak: {short} ({_seen(ended.summary)})"
    found = main(findings)
    return True, f"the planted leak was caught: {found['symptom']}, cause {found['cause']}"


def _seen(summary: Summary) -> str:
    """Tell what came of the exchanges: a leak is also missed where nothing answered, or nothing could be judged."""
    counts, unknowns = summary["exchanges"], summary["unknowns"]
    told = f"{counts['ok']:,} answers right, {counts['violation']:,} wrong, {counts['unknown']:,} unknown"
    return f"{told}, most often: {next(iter(unknowns))}" if unknowns else told


def _twin(_: Detector, ended: Ended) -> tuple[bool, str]:
    summary = ended.summary
    if summary["verdict"] != "pass":
        return False, f"the repaired twin is no pass: {'; '.join(summary['reasons'])}"
    return True, f"the repaired twin is clean: {summary['exchanges']['ok']:,} answers checked"


def _folder(detector: Detector) -> Path:
    return scenarios() / "leaks" / detector.leak


def _conclude(console: Console, detectors: Sequence[Detector], blind: Sequence[str], seconds: float) -> None:
    if not blind:
        console.print(f"selftest: all {len(detectors)} detectors see ({seconds:.0f} s)")
        return
    console.print(f"selftest: {', '.join(blind)}: blind here ({seconds:.0f} s)")
    console.print("Do not trust a green run on this machine until this passes; tell loadcheck's authors what is above.")
