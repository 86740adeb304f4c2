"""The `loadcheck` command: its subcommands, and how every error becomes one message and one exit code."""

import os
import sys
import traceback

import click
from rich.console import Console
from rich.markup import escape

from loadcheck import __version__
from loadcheck.cli import check, compare, demo, doctor, fetch, init, recheck, report, run, schema, selftest, token, up
from loadcheck.errors import ExitCode, LoadcheckError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="loadcheck")
def cli() -> None:
    """Load and correctness tester for PostgREST row-level security."""


for _module in (run, demo, selftest, init, doctor, up, check, token, recheck, report, compare, schema, fetch):
    cli.add_command(_module.command)


def exit_code() -> int:
    """Run the command line and return one of the documented exit codes; tell every error."""
    try:
        return int(cli.main(standalone_mode=False) or ExitCode.PASS)
    except click.ClickException as mistake:
        mistake.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left: nothing can be told any more, and the flush at exit must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.INTERNAL
    except LoadcheckError as problem:
        _tell(problem.message, problem.advice)
        return problem.exit_code
    except Exception as error:  # noqa: BLE001 -- the last resort: a message in place of a traceback
        _tell_internal(error)
        return ExitCode.INTERNAL


def _tell(message: str, advice: str) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)
    console.print(f"[bold red]loadcheck:[/] {escape(message)}")
    if advice:
        console.print(escape(advice))


def _tell_internal(error: Exception) -> None:
    """Say where it happened, not with what: an exception's own text may hold a token or a DSN."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
    _tell(
        f"internal error: {type(error).__name__} at {place}",
        "This is a bug in loadcheck. LOADCHECK_DEBUG=1 shows the traceback, which may hold secrets.",
    )
    if os.environ.get("LOADCHECK_DEBUG"):
        traceback.print_exception(error)
