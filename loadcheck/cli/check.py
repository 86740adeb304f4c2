"""`loadcheck check`: every mistake in a scenario, without a server."""

from collections.abc import Mapping
from pathlib import Path

import click

from loadcheck.cli.settings import with_settings
from loadcheck.errors import ExitCode
from loadcheck.report.figures import plural
from loadcheck.scenario.load import load
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.phase import Phase


@click.command("check", short_help="Look for mistakes in a scenario, without a server.")
@click.argument("scenario", type=click.Path(path_type=Path))
@with_settings
def command(scenario: Path, settings: Mapping[str, str]) -> ExitCode:
    """Look for every mistake in SCENARIO at once, without a server.

    Exits with 0 when there is none, and with 4 otherwise.
    """
    loaded = load(scenario, settings)
    click.echo(f"{scenario}: ok\n{_who(loaded.scenario)}\n{_load(loaded.scenario)}")
    return ExitCode.PASS


def _who(scenario: Scenario) -> str:
    made = sum(mix.count for mix in scenario.identities if mix.from_ is None)
    read = sum(mix.from_ is not None for mix in scenario.identities)
    more = f" and those that {plural(read, 'statement')} will read" if read else ""
    mixes = plural(len(scenario.identities), "claim mix", "claim mixes")
    return f"  {plural(made, 'identity', 'identities')} from {mixes}{more}, {plural(len(scenario.requests), 'request')}"


def _load(scenario: Scenario) -> str:
    return f"  {plural(len(scenario.load), 'phase')}: {', '.join(map(_phase, scenario.load))}"


def _phase(phase: Phase) -> str:
    length = f"{phase.duration:g} s" if phase.duration is not None else plural(phase.budget or 0, "request")
    return f"{phase.name} ({length})"
