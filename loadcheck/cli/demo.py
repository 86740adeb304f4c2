"""`loadcheck demo`: the pets scenario on the embedded stack, for a first look."""

from pathlib import Path

import click

import loadcheck
from loadcheck.cli.run import new_seed, run_and_report
from loadcheck.cli.targets import Given
from loadcheck.errors import ExitCode
from loadcheck.run.run import RunOptions
from loadcheck.scenario.load import load


@click.command("demo")
def command() -> ExitCode:
    """Start PostgreSQL, PgBouncer and PostgREST here, and check them with the pets scenario."""
    return run_and_report(load(scenarios() / "pets.yaml"), Given(embedded=True), RunOptions(new_seed()))


def scenarios() -> Path:
    """Return the folder of the scenarios: in the package where it is installed, beside it in a checkout."""
    package = Path(loadcheck.__file__).parent
    installed = package / "_scenarios"
    return installed if installed.is_dir() else package.parent / "scenarios"
