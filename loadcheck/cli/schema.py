"""`loadcheck schema`: the scenario format for editors."""

import json

import click

from loadcheck.errors import ExitCode
from loadcheck.scenario.schema import json_schema


@click.command("schema", short_help="Print the JSON Schema of scenarios.")
def command() -> ExitCode:
    """Print the JSON Schema (draft-07) of scenarios, with which editors complete and check them.

    A scenario names it in its first line: # yaml-language-server: $schema=loadcheck.schema.json
    """
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return ExitCode.PASS
