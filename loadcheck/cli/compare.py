"""`loadcheck compare`: what got worse or better from one run to another."""

import json
from pathlib import Path
from typing import Final

import click

from loadcheck.cli.writing import Text, refuse_unwritable, write_files
from loadcheck.errors import ExitCode, UsageProblem
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.compare.comparison import Comparison, compare
from loadcheck.report.compare.tables import comparison_markdown, comparison_report
from loadcheck.report.terminal import open_console
from loadcheck.scenario.units import parse_share

_TOLERANCE: Final = "25%"
_FILE: Final = click.Path(path_type=Path)


@click.command("compare")
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--tolerance", default=_TOLERANCE, show_default=True, help="By how much a figure may get worse.")
@click.option("--markdown", type=_FILE, metavar="FILE", help="Markdown, for the comment of a pull request.")
@click.option("--json", "json_file", type=_FILE, metavar="FILE", help="The comparison as JSON.")
def command(base: Path, run: Path, *, tolerance: str, markdown: Path | None, json_file: Path | None) -> ExitCode:
    """Tell what changed from the run in BASE to the one in RUN, beyond noise and a tolerance.

    Exits with 3 when RUN is worse or has a finding that BASE has not, with 2 when either is too short or too uncertain,
    or the machine was too busy with other things, to tell, and with 0 otherwise.
    """
    refuse_unwritable(path for path in (markdown, json_file) if path is not None)
    comparison = compare(StoredRun.read(base), StoredRun.read(run), _share(tolerance))
    console = open_console()
    console.print(comparison_report(comparison), highlight=False)
    texts = []
    if markdown is not None:
        texts.append(Text(markdown, comparison_markdown(comparison)))
    if json_file is not None:
        texts.append(Text(json_file, json.dumps(comparison.as_json(), indent=2, ensure_ascii=False) + "\n"))
    code = _code(comparison)
    write_files(texts, code)
    return code


def _code(comparison: Comparison) -> ExitCode:
    if comparison.regressed:
        return ExitCode.THRESHOLD
    return ExitCode.PASS if comparison.conclusive else ExitCode.INCONCLUSIVE


def _share(tolerance: str) -> float:
    try:
        return parse_share(tolerance)
    except ValueError as error:
        raise UsageProblem(f"--tolerance {tolerance}: {error}") from None
