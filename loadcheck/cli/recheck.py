"""`loadcheck recheck`: judge a stored run again, offline."""

from pathlib import Path

import click

from loadcheck.cli.files import Files, with_files
from loadcheck.errors import ExitCode
from loadcheck.report.end import print_report
from loadcheck.report.terminal import open_console
from loadcheck.run.stored.recheck import recheck


@click.command("recheck")
@click.argument("run", type=click.Path(path_type=Path))
@with_files
def command(run: Path, files: Files) -> ExitCode:
    """Judge the run in the folder RUN again, from what it stored, and print its report.

    Nothing is asked of the target or the database. Exits as `loadcheck run` does; a run that was cut, or whose
    folder is damaged, never passes.
    """
    judged = recheck(run)
    code = ExitCode(judged.summary["exit_code"])
    if files:
        files.write(judged, code)
    else:
        print_report(open_console(), judged.summary, judged.findings, run)
    return code
