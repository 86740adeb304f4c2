"""`loadcheck schema`: the formats that loadcheck reads and writes, for editors and other tools."""

import json
from typing import Final

import click
from pydantic import TypeAdapter

from loadcheck.errors import ExitCode
from loadcheck.record.series import Sample
from loadcheck.record.stored import StoredFinding, Summary
from loadcheck.scenario.reference import reference
from loadcheck.scenario.schema import json_schema

_STORED: Final = {
    "summary": ("loadcheck summary.json, version 1", Summary),
    "findings": ("loadcheck findings.json, version 1", list[StoredFinding]),
    "series": ("a line of loadcheck series.ndjson, version 1", Sample),
}


_REFERENCE: Final = "reference"


@click.command("schema", short_help="Print the JSON Schema of scenarios, or of a file of the run folder.")
@click.argument("of", type=click.Choice(["scenario", _REFERENCE, *_STORED]), default="scenario")
def command(of: str) -> ExitCode:
    """Print the JSON Schema of scenarios (draft-07), with which editors complete and check them.

    A scenario names it in its first line: # yaml-language-server: $schema=loadcheck.schema.json

    With an argument, print that of summary.json, findings.json, or a line of series.ndjson (draft 2020-12); with
    `reference`, the scenario's as a page for people.
    """
    if of == _REFERENCE:
        click.echo(reference(), nl=False)
        return ExitCode.PASS
    click.echo(json.dumps(json_schema() if of == "scenario" else _stored(of), indent=2, ensure_ascii=False))
    return ExitCode.PASS


def _stored(name: str) -> dict[str, object]:
    title, kind = _STORED[name]
    schema = TypeAdapter(kind).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
