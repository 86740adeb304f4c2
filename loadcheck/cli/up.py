"""`loadcheck up`: keep a scenario's embedded stack for use from elsewhere."""

import asyncio
import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import asyncpg
import click
from pydantic import SecretStr

from loadcheck.cli.settings import with_settings
from loadcheck.clock import SystemClock
from loadcheck.errors import ExitCode
from loadcheck.identity.population import Identity, populate
from loadcheck.identity.tokens import Mint
from loadcheck.oracle.database import Database
from loadcheck.oracle.inspect import read_identities
from loadcheck.report.program import program
from loadcheck.run.interruption import Interruption
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.load import LoadedScenario, load
from loadcheck.scenario.model import Scenario
from loadcheck.stack.construction import embedded
from loadcheck.stack.programs import POSTGREST
from loadcheck.stack.stack import EmbeddedStack
from loadcheck.tasks import ungrouped


@click.command("up")
@click.argument("scenario", type=click.Path(path_type=Path))
@with_settings
def command(scenario: Path, *, settings: Mapping[str, str]) -> ExitCode:
    """Start the embedded stack of SCENARIO and keep it until Ctrl-C.

    Prints where it is and how to use it: for `loadcheck run` in another shell, and for curl.
    """
    return asyncio.run(_up(load(scenario, settings), settings))


async def _up(loaded: LoadedScenario, settings: Mapping[str, str]) -> ExitCode:
    stop = asyncio.Event()
    with Interruption() as interruption:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, stop.set)
        try:
            async with embedded(loaded.scenario, loaded.folder, click.echo) as stack:
                interruption.soften(stop.set)
                for line in await _lines(loaded, stack, settings):
                    click.echo(line)
                await _stopped(stop, stack)
        except asyncio.CancelledError:
            if interruption.code is None:
                raise
            return interruption.code
    return ExitCode.PASS


async def _stopped(stop: asyncio.Event, stack: EmbeddedStack) -> None:
    """Return when the user has had enough; raise when a program has."""
    with ungrouped():
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(stack.broken(partial(click.echo, err=True)))
            await stop.wait()
            watch.cancel()


async def _lines(loaded: LoadedScenario, stack: EmbeddedStack, settings: Mapping[str, str]) -> list[str]:
    scenario = loaded.scenario
    again = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    lines = [
        "",
        f"url       {stack.url}",
        f"database  {stack.database}",
        "",
        "Look at it from another shell, and test it:",
        f"  {_line(loaded, stack, 'doctor', '--pooled', stack.pooled_database, *again)}",
        f"  {_line(loaded, stack, 'run', *again, *(['--allow-writes'] if _writes(loaded.scenario) else []))}",
        *([] if scenario.stack.stamp else _stamp_lines(loaded, stack, again)),
        "",
        "Before the curl line of a finding, with $LOADCHECK_URL in place of its own:",
        f"  {_export_line(stack)}",
    ]
    identity = await _first_valid(scenario, stack)
    if identity is not None:
        lines += ["", f"Ask it as {identity.label}:", f"  {_curl_line(loaded, stack, identity)}"]
    return [*lines, "", "Ctrl-C stops it."]


def _stamp_lines(loaded: LoadedScenario, stack: EmbeddedStack, again: Sequence[str]) -> list[str]:
    """Return how to put the stamp in, which takes a superuser, as on a target."""
    role = loaded.scenario.stack.role
    options = ("--login-role", role, *again, "--install-stamp", "--yes")
    lines = [
        "",
        "Put the stamp in, and take it out again with --remove-stamp for --install-stamp:",
        f"  {_line(loaded, stack, 'doctor', *options, database=stack.superuser)}",
    ]
    if loaded.scenario.stack.pooler == "none":
        return lines
    return [
        *lines,
        "Behind a pooler PostgREST does not hear of it by itself. While that waits, from a third shell:",
        f"  kill -USR2 {stack.pids[POSTGREST.name]}",
    ]


def _line(loaded: LoadedScenario, stack: EmbeddedStack, command: str, *options: str, database: str = "") -> str:
    there = ["--url", stack.url, "--database", database or stack.database, *_key_options(stack)]
    return shlex.join([_program(), command, str(loaded.path.absolute()), *there, *options])


def _writes(scenario: Scenario) -> bool:
    return any(not request.safe for request in scenario.requests)


def _program() -> str:
    """Return loadcheck as another shell finds it, in whatever folder that is."""
    name = program()
    return str(Path(name).absolute()) if "/" in name else name


def _export_line(stack: EmbeddedStack) -> str:
    """Return what tells `loadcheck token` of the stack; a private key made for it has no variable."""
    given = {"LOADCHECK_URL": stack.url, "LOADCHECK_DATABASE": stack.database}
    if secret := stack.jwt.secret.get_secret_value():
        given["LOADCHECK_JWT_SECRET"] = secret
    return " ".join(["export", *(f"{name}={shlex.quote(value)}" for name, value in given.items())])


def _key_options(stack: EmbeddedStack) -> Iterator[str]:
    """Yield the options by which another loadcheck signs with the same key."""
    if secret := stack.jwt.secret.get_secret_value():
        yield from ("--jwt-secret", secret)
    elif encoded := stack.jwt.secret_base64.get_secret_value():
        yield from ("--set", f"target.jwt.secret_base64={encoded}")
    else:
        yield from ("--set", f"target.jwt.private_key={stack.jwt.private_key}")


async def _first_valid(scenario: Scenario, stack: EmbeddedStack) -> Identity | None:
    """Return the first identity that has a right token; None when the scenario makes none."""
    database = Database(stack.database)
    try:
        population = populate(scenario, await read_identities(database, scenario))
    except asyncpg.PostgresError:
        return None  # `loadcheck run` tells what is wrong with the scenario's SQL
    finally:
        await database.close()
    return next((identity for identity in population if identity.token is TokenKind.VALID), None)


def _curl_line(loaded: LoadedScenario, stack: EmbeddedStack, identity: Identity) -> str:
    token = Mint(stack.jwt, loaded.folder, SystemClock()).token(identity)
    given: dict[str, SecretStr] = {
        **loaded.scenario.target.headers,
        "Authorization": SecretStr(f"Bearer {token}"),
    }
    options = [word for name, value in given.items() for word in ("-H", f"{name}: {value.get_secret_value()}")]
    return shlex.join(["curl", "-gsS", *options, stack.url + _path(loaded.scenario, identity)])


def _path(scenario: Scenario, identity: Identity) -> str:
    """Return the path of the first request that the identity can send as it stands."""
    mix = scenario.identities[identity.mix]
    for request in scenario.requests:
        if request.method == "GET" and scenario.applies(request, mix) and "{" not in request.path:
            return request.path
    return "/"
