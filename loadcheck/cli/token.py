"""`loadcheck token`: print the token of one identity, for curl and for other tools."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from loadcheck.clock import SystemClock
from loadcheck.errors import ExitCode, UsageProblem
from loadcheck.identity.keys import with_secret
from loadcheck.identity.population import populate
from loadcheck.identity.tokens import Mint
from loadcheck.oracle.database import Database
from loadcheck.oracle.inspect import read_identities
from loadcheck.scenario.load import load
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.target import Jwt


@click.command("token")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.argument("identity")
@click.option("--jwt-secret", help="PostgREST's jwt-secret. LOADCHECK_JWT_SECRET stands in where neither says.")
@click.option("--database", help="The oracle's DSN; needed for an identity that is read `from` the database.")
def command(scenario: Path, identity: str, jwt_secret: str | None, database: str | None) -> ExitCode:
    """Print the token of IDENTITY, such as `keeper#17` or `no-claim`, and nothing else."""
    loaded = load(scenario)
    rows = asyncio.run(_rows(loaded.scenario, identity, database))
    chosen = populate(loaded.scenario, rows).find(identity)
    token = Mint(_jwt(loaded.scenario.target.jwt, jwt_secret), loaded.folder, SystemClock()).token(chosen)
    if token is None:
        raise UsageProblem(f"{chosen.label} has no token", "Its kind is `missing`: it sends no Authorization header.")
    click.echo(token)
    return ExitCode.PASS


async def _rows(scenario: Scenario, label: str, database: str | None) -> Mapping[int, Sequence[Mapping[str, Any]]]:
    """Read what `from` reads, only where the label asks for such an identity."""
    from_mixes = {index: mix.name for index, mix in enumerate(scenario.identities) if mix.from_ is not None}
    if label.partition("#")[0] not in from_mixes.values():
        return dict.fromkeys(from_mixes, ())
    dsn = database or scenario.target.database.get_secret_value() or os.environ.get("LOADCHECK_DATABASE", "")
    if not dsn:
        raise UsageProblem(
            f"{label} is read from the database, and none is named",
            "Give --database (target.database) or LOADCHECK_DATABASE: the DSN of a role that sees every row.",
        )
    source = Database(dsn)
    try:
        return await read_identities(source, scenario)
    finally:
        await source.close()


def _jwt(jwt: Jwt, option: str | None) -> Jwt:
    """Return how to sign: the option wins over the scenario, and the environment serves where neither says."""
    if option is None and jwt.given:
        return jwt
    secret = os.environ.get("LOADCHECK_JWT_SECRET") if option is None else option
    return with_secret(jwt, secret) if secret else jwt
