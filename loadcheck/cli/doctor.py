"""`loadcheck doctor`: look at target, database and pooler before any load; install or remove the stamp."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
import orjson
from rich.console import Console

from loadcheck.cli.settings import with_settings
from loadcheck.cli.stamping import Wish, stamp
from loadcheck.cli.targets import Given, aimed, with_target
from loadcheck.clock import SystemClock
from loadcheck.doctor.doctor import Doctor, exit_code
from loadcheck.doctor.line import Line
from loadcheck.errors import ExitCode, UsageProblem
from loadcheck.report.doctor import as_json, print_lines
from loadcheck.report.plain import PlainReporter
from loadcheck.report.terminal import open_console
from loadcheck.scenario.load import LoadedScenario, load


@click.command("doctor", short_help="Look at target, database and pooler before any load.")
@click.argument("scenario", type=click.Path(path_type=Path))
@with_target
@click.option("--pooled", help="DSN that PostgREST has (db-uri), to tell the pooler by.")
@with_settings
@click.option("--install-stamp", is_flag=True, help="Print the SQL that has every answer tell its backend.")
@click.option("--remove-stamp", is_flag=True, help="Print the SQL that puts back what was before.")
@click.option("--yes", is_flag=True, help="Run that SQL, by --database.")
@click.option("--pre-request", help="PostgREST's own pre-request function, which the stamp calls first.")
@click.option("--login-role", help="The role that PostgREST logs in as, where it cannot be found out.")
@click.option("--json", "for_programs", is_flag=True, help="Print JSON.")
def command(  # noqa: PLR0913 -- the options of the command line
    scenario: Path,
    *,
    given: Given,
    pooled: str | None,
    settings: Mapping[str, str],
    install_stamp: bool,
    remove_stamp: bool,
    yes: bool,
    pre_request: str | None,
    login_role: str | None,
    for_programs: bool,
) -> ExitCode:
    """Look at what SCENARIO names, before any load, and tell what is ok, what may be meant, and what is wrong.

    Reads only, but for --install-stamp and --remove-stamp with --yes. Exits with 0 when nothing is wrong, with 5 when
    something wrong would keep a run from beginning, with 3 when something else is wrong, and with 4 for a mistake in
    the scenario or the options.
    """
    loaded = load(scenario, settings)
    # Nothing is written, whatever the scenario holds.
    given = replace(given, allow_writes=True)
    if install_stamp or remove_stamp:
        wish = Wish(remove=remove_stamp, run=yes, role=login_role, pre_request=pre_request)
        return asyncio.run(_stamp(loaded, given, wish))
    console = open_console()
    lines = asyncio.run(_examine(loaded, given, pooled, console, quiet=for_programs))
    code = exit_code(lines)
    if for_programs:
        click.echo(orjson.dumps(as_json(loaded.scenario.name, lines, code), option=orjson.OPT_INDENT_2))
    else:
        print_lines(console, lines)
    return code


async def _stamp(loaded: LoadedScenario, given: Given, wish: Wish) -> ExitCode:
    if given.embedded or not (given.url or loaded.scenario.target.url):
        raise UsageProblem("the embedded stack has the stamp already", "Name a target by --url and --database.")
    async with aimed(loaded, given, PlainReporter(Console(quiet=True))) as aim:
        return await stamp(aim.loaded, wish)


async def _examine(
    loaded: LoadedScenario, given: Given, pooled: str | None, console: Console, *, quiet: bool
) -> list[Line]:
    observer = PlainReporter(Console(quiet=True) if quiet else console)
    async with aimed(loaded, given, observer) as aim:
        return await Doctor(aim.loaded, pooled or aim.pooled, aim.settings, SystemClock()).examine()
