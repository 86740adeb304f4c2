"""`loadcheck init`: a first scenario, from what a target and its database tell of themselves."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
from pydantic import SecretStr

from loadcheck.cli.writing import Text, refuse_unwritable, write_files
from loadcheck.clock import SystemClock
from loadcheck.draft.drafting import Place, draft
from loadcheck.draft.writing import Draft
from loadcheck.engine.messages import target_url
from loadcheck.errors import ExitCode, UsageProblem
from loadcheck.report.figures import plural
from loadcheck.report.program import program
from loadcheck.scenario.claim_mix import ClaimMix
from loadcheck.scenario.expect import Expect
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.request import Request
from loadcheck.scenario.stack import Stack
from loadcheck.scenario.target import Jwt, Target
from loadcheck.stack.construction import embedded


@dataclass(frozen=True, slots=True)
class _Given:
    """What the command line says of where to look."""

    url: str | None
    database: str | None = field(repr=False)
    jwt_secret: str | None = field(repr=False)
    role: str
    schema: str


@click.command("init", short_help="Write a first scenario for a target, or for SQL files.")
@click.argument("sql", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--url", envvar="LOADCHECK_URL", help="The PostgREST to look at.")
@click.option("--database", envvar="LOADCHECK_DATABASE", help="DSN of a role that row security does not bind.")
@click.option("--jwt-secret", envvar="LOADCHECK_JWT_SECRET", help="PostgREST's jwt-secret.")
@click.option("--role", default="", help="What requests run as, where it cannot be found out.")
@click.option("--schema", default="public", show_default=True, help="The schema that PostgREST serves.")
@click.option("--out", type=click.Path(path_type=Path), help="The file to write; it must not be there yet.")
def command(  # noqa: PLR0913 -- the options of the command line
    sql: tuple[Path, ...],
    *,
    url: str | None,
    database: str | None,
    jwt_secret: str | None,
    role: str,
    schema: str,
    out: Path | None,
) -> ExitCode:
    """Read a target's OpenAPI description and its database's policies, and write a first scenario for them.

    With SQL files, the embedded stack is made of them and looked at; otherwise name the target by --url, --database
    and --jwt-secret. Reads only. What a person must decide is marked `decide:`. Without --out it is printed.
    """
    if out is not None:
        _refuse(out)
    drafted = asyncio.run(_drafted(sql, _Given(url, database, jwt_secret, role, schema), out or Path("scenario.yaml")))
    if out is None:
        click.echo(drafted.text, nl=False)
        return ExitCode.PASS
    write_files([Text(out, drafted.text)])
    questions = drafted.text.count("# decide:")
    click.echo(f"{out}: {len(drafted.mixes) + 1} kinds of callers, {plural(len(drafted.requests), 'request')}.")
    click.echo(f"{plural(questions, 'thing is', 'things are')} left to decide (`decide:`). Then: {program()} run {out}")
    return ExitCode.PASS


def _refuse(out: Path) -> None:
    if out.exists():
        raise UsageProblem(f"{out} is there already", "Name another file with --out, or move it away.")
    refuse_unwritable([out])


async def _drafted(sql: Sequence[Path], given: _Given, out: Path) -> Draft:
    async with _place(sql, given, out.parent) as place:
        return await draft(place, out.stem, out.parent, SystemClock())


@asynccontextmanager
async def _place(sql: Sequence[Path], given: _Given, folder: Path) -> AsyncIterator[Place]:
    """Yield the target named, or the embedded stack made of the files."""
    if not sql:
        yield Place(_named(given), given.schema, given.role, ())
        return
    files = [_relative(path, folder) for path in sql]
    stack = Stack(sql=files, role=given.role or Stack().role, postgrest={"db-schemas": given.schema})
    async with embedded(_bare(stack), folder) as running:
        there = Target(url=running.url, database=SecretStr(running.database), jwt=running.jwt)
        yield Place(there, given.schema, stack.role, files)


def _relative(path: Path, folder: Path) -> str:
    """Return a path as a scenario in the folder names it."""
    return os.path.relpath(path, folder)


def _named(given: _Given) -> Target:
    missing = [
        option
        for option, value in (("--url", given.url), ("--database", given.database), ("--jwt-secret", given.jwt_secret))
        if not value
    ]
    if missing:
        raise UsageProblem(
            f"nothing to look at without {', '.join(missing)}",
            "Name a target by --url, --database and --jwt-secret, or give the SQL files that make the tables.",
        )
    jwt = Jwt(secret=SecretStr(given.jwt_secret or ""))
    return Target(url=target_url(given.url or ""), database=SecretStr(given.database or ""), jwt=jwt)


def _bare(stack: Stack) -> Scenario:
    """Return a scenario for its stack's sake."""
    nothing = Request(name="nothing", get="/", expect=Expect(status=200))
    return Scenario(name="init", stack=stack, identities=[ClaimMix(name="nobody")], requests=[nothing])
