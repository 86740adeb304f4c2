"""`loadcheck report`: the report of a stored run, again or in another format."""

from pathlib import Path

import click

from loadcheck.cli.files import Files, with_files
from loadcheck.errors import ExitCode
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.end import print_report
from loadcheck.report.terminal import open_console
from loadcheck.run.stored.kept_run import is_doubtful
from loadcheck.run.stored.recheck import recheck


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@with_files
def command(run: Path, files: Files) -> ExitCode:
    """Print the report of the run in the folder RUN, or write it in the formats asked for.

    A run that was cut has told nothing yet, and one whose folder is damaged is not taken by its word: their exchanges
    are judged again.
    """
    stored = recheck(run) if is_doubtful(run) else StoredRun.read(run)
    if files:
        files.write(stored)
    else:
        print_report(open_console(), stored.summary, stored.findings, run)
    return ExitCode.PASS
