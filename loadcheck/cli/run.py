"""`loadcheck run`: test a target, or the embedded stack where no target is given."""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import uvloop

from loadcheck.cli.address import address
from loadcheck.cli.files import Files, with_files
from loadcheck.cli.settings import with_settings
from loadcheck.cli.targets import Given, aimed, with_target
from loadcheck.clock import SystemClock
from loadcheck.errors import ExitCode, UsageProblem
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.end import print_report
from loadcheck.report.metrics import Metrics
from loadcheck.report.terminal import open_console, reporter_for
from loadcheck.run.interruption import Interruption
from loadcheck.run.observer import Observer
from loadcheck.run.preparing.refusals import refuse_workers
from loadcheck.run.run import Ended, Run, RunOptions
from loadcheck.scenario.load import LoadedScenario, load
from loadcheck.scenario.phase import Phase
from loadcheck.scenario.units import parse_duration

_SEED_BITS: Final = 32
_NO_FILES: Final = Files()


@click.command("run")
@click.argument("scenario", type=click.Path(path_type=Path))
@with_target
@click.option("--allow-writes", is_flag=True, help="Let a scenario that writes run against the target.")
@click.option("--transport", type=click.Choice(["wire", "aiohttp"]), help="Our own HTTP, or aiohttp.")
@click.option("--seed", type=click.IntRange(min=0), help="Draw the same inputs again.")
@click.option("--duration", help="How long each measured phase lasts, such as 30s.")
@click.option("--concurrency", type=click.IntRange(min=1), help="Callers of each closed-loop phase.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="How many processes share the load.")
@click.option("--out", type=click.Path(path_type=Path), help="The run folder; default: a new one in reports/.")
@click.option(
    "--reproduce/--no-reproduce",
    default=None,
    help="Look for the fewest exchanges that show a finding again; by default on the embedded stack only.",
)
@click.option("--history-limit", help="How large the history may grow, such as 2GB.")
@click.option("--stop-on-fail", is_flag=True, help="End the run at the first violation or broken window.")
@click.option("--metrics", type=address, metavar="[HOST:]PORT", help="Serve Prometheus metrics there meanwhile.")
@with_settings
@with_files
def command(  # noqa: PLR0913 -- the options of the command line
    scenario: Path,
    *,
    given: Given,
    allow_writes: bool,
    transport: str | None,
    seed: int | None,
    duration: str | None,
    concurrency: int | None,
    workers: int,
    out: Path | None,
    reproduce: bool | None,
    history_limit: str | None,
    stop_on_fail: bool,
    metrics: tuple[str, int] | None,
    settings: Mapping[str, str],
    files: Files,
) -> ExitCode:
    """Run SCENARIO and judge every answer.

    Exits with 0 (pass), 1 (a violation), 2 (inconclusive), 3 (a threshold did not hold), 4 (a mistake in the
    scenario or the options), 5 (the target, the database or the stack is not usable).
    """
    named = {
        "target.transport": transport,
        "history_limit": history_limit,
        "stop_on_fail": "true" if stop_on_fail else None,
    }
    chosen = {key: value for key, value in named.items() if value is not None}
    loaded = with_load(load(scenario, {**settings, **chosen}), duration, concurrency)
    refuse_workers(loaded.scenario, workers)
    options = RunOptions(new_seed() if seed is None else seed, out, reproduce, workers)
    return run_and_report(loaded, replace(given, allow_writes=allow_writes), options, files, metrics)


def run_and_report(
    loaded: LoadedScenario,
    given: Given,
    options: RunOptions,
    files: Files = _NO_FILES,
    metrics: tuple[str, int] | None = None,
) -> ExitCode:
    """Run a scenario, print its report and write it in other formats, and return what to exit with."""
    console = open_console()
    shown = reporter_for(console)
    serving = nullcontext(shown) if metrics is None else Metrics(shown, *metrics)
    with serving as observer, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ended, code = runner.run(carry_out(loaded.hunting(), given, options, observer))
    if ended is not None:
        print_report(console, ended.summary, ended.findings, ended.folder)
        if files:
            files.write(StoredRun.read(ended.folder), code)
    return code


async def carry_out(
    loaded: LoadedScenario, given: Given, options: RunOptions, observer: Observer
) -> tuple[Ended | None, ExitCode]:
    """Run a scenario to its end; return nothing of it, and the code of the signal, if one cut it short.

    Raises:
        LoadcheckError: it could not begin, or could not be recorded.
    """
    ended: Ended | None = None
    with Interruption() as interruption:
        try:
            async with aimed(loaded, given, observer) as aim:
                work = Run(aim.loaded, options, observer, interruption, SystemClock(), aim.powers)
                ended = await work.run()
        except asyncio.CancelledError:
            if interruption.code is None:
                raise
            if ended is None:
                return None, interruption.code
        finally:
            observer.finished()
    return ended, ExitCode(ended.summary["exit_code"])


def new_seed() -> int:
    """Return a seed for a run that was not given one; the report tells it."""
    return secrets.randbits(_SEED_BITS)


def with_load(loaded: LoadedScenario, duration: str | None, concurrency: int | None) -> LoadedScenario:
    """Return the scenario with each measured phase as long, and each closed loop as wide, as asked.

    Raises:
        UsageProblem: it has no such phase, or that is not a duration.
    """
    scenario = loaded.scenario
    if concurrency is not None and all(phase.concurrency is None for phase in scenario.load):
        raise UsageProblem(
            "--concurrency goes with a closed loop, and every phase of this scenario has a rate",
            "Change the rate: --set load.0.rate=400/s",
        )
    phases = [_changed(phase, duration, concurrency) for phase in scenario.load]
    return replace(loaded, scenario=scenario.model_copy(update={"load": phases}))


def _changed(phase: Phase, duration: str | None, concurrency: int | None) -> Phase:
    change: dict[str, object] = {}
    if duration is not None and phase.measure and not phase.exchanges:
        change |= {"duration": _seconds(duration), "requests": None}
    if concurrency is not None and phase.concurrency is not None:
        change |= {"concurrency": concurrency}
    return phase.model_copy(update=change)


def _seconds(duration: str) -> float:
    try:
        return parse_duration(duration)
    except ValueError as error:
        raise UsageProblem(f"--duration {duration}: {error}") from None
