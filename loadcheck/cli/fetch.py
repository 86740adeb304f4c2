"""`loadcheck fetch`: get the programs of the embedded stack that this machine lacks."""

import asyncio

import click

from loadcheck.errors import ExitCode
from loadcheck.stack.fetch import fetch
from loadcheck.stack.programs import Finder
from loadcheck.stack.versions import version


@click.command("fetch")
def command() -> ExitCode:
    """Get what the embedded stack lacks: PgBouncer and PostgREST.

    They land in the virtual environment, and the system stays as it is. What is there already is left alone.
    """
    for name, program in fetch(Finder(), click.echo).items():
        click.echo(f"{name:<10} {asyncio.run(version(program)):<8} {program.path} ({program.origin})")
    return ExitCode.PASS
