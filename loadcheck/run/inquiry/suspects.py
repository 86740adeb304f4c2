"""Suspects of a finding: what in PostgreSQL's catalogue, behind its request, may be at fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from loadcheck.errors import LoadcheckError
from loadcheck.judge.findings import Finding
from loadcheck.oracle.catalogue import things, write_holes
from loadcheck.oracle.directly import admitting
from loadcheck.oracle.suspects import holes, immutable_readers, tables
from loadcheck.run.inquiry.asking import Asking
from loadcheck.scenario.request import Request


@dataclass(frozen=True, slots=True)
class Suspects:
    """What may be at fault, in words.

    Attributes:
        immutable: Functions whose results plans keep, although they read settings.
        holes: What lets rows through whoever asks.
    """

    immutable: Sequence[str]
    holes: Sequence[str]


async def suspects(asking: Asking, finding: Finding, request: Request) -> Suspects:
    """Look behind what the request names, and behind what PostgREST calls before it.

    Raises:
        asyncpg.PostgresError: the catalogue cannot be read.
        LoadcheckError: the database cannot be reached.
    """
    stack = asking.parts.prepared.scenario.stack
    there = await things(asking.parts.database, stack.role)
    through = holes(there, request.path)
    if not through:
        for table in tables(there, request.path):
            through += await _rules(asking, finding, table)
    return Suspects(immutable_readers(there, f"{request.path} {_before(stack.postgrest)}"), through)


def _before(settings: Mapping[str, object]) -> str:
    """Return what PostgREST calls before each request, written as a call of its own."""
    _, _, name = str(settings.get("db-pre-request", "")).rpartition(".")
    return f"rpc/{name}"


async def _rules(asking: Asking, finding: Finding, table: str) -> list[str]:
    """Return the policies of a table that let rows in, and those that let them out where it is about rows read."""
    written, read = await write_holes(asking.parts.database, table), finding.verdict.evidence.wrong
    return [*written, *(await _admitting(asking, finding, table) if read or not written else ())]


async def _admitting(asking: Asking, finding: Finding, table: str) -> list[str]:
    oracle, database = asking.parts.prepared.oracle, asking.parts.database
    try:
        return await admitting(oracle, database, finding.victim, table, finding.verdict.evidence.wrong)
    except (LoadcheckError, asyncpg.PostgresError):
        return [f"policies of table {table}"]  # the identity cannot be taken on, or may not ask like that
