"""`loadcheck doctor --install-stamp` and `--remove-stamp`: print the SQL, and run it only when asked."""

from dataclasses import dataclass
from typing import Final

import asyncpg
import click

from loadcheck.clock import SystemClock
from loadcheck.doctor.doctor import Doctor
from loadcheck.doctor.stamping import Stamping, find
from loadcheck.errors import EnvironmentProblem, ExitCode, UsageProblem
from loadcheck.oracle.database import Connection, connect
from loadcheck.oracle.stamp import FUNCTION
from loadcheck.scenario.load import LoadedScenario

_PATIENCE_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.1

_BY_FILE: Final = f"""\
-- The stamp calls {{calls}} first. If PostgREST has another db-pre-request, name it by --pre-request: it would not be
-- called any more. Where PostgREST does not read its configuration from the database (db-config = false), leave out
-- ALTER ROLE and give it this setting, and a SIGUSR2: db-pre-request = "{FUNCTION}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line says about the stamp.

    Attributes:
        remove: Whether to take it away, rather than to install it.
        run: Whether to run the SQL, rather than to print it.
        role: What PostgREST logs in as; None to find it out.
        pre_request: PostgREST's own pre-request function; None to find it out.
    """

    remove: bool
    run: bool
    role: str | None
    pre_request: str | None


async def stamp(loaded: LoadedScenario, wish: Wish) -> ExitCode:
    """Print the SQL, or run it and look whether PostgREST has taken it over.

    Raises:
        UsageProblem: there is no database, or something named is not there.
        EnvironmentProblem: the role may not, or PostgREST does not take it over.
    """
    dsn = loaded.scenario.target.database.get_secret_value()
    if not dsn:
        raise UsageProblem("the stamp goes into the target's database", "Give --database (target.database).")
    connection = await connect(dsn)
    try:
        presumed = str(loaded.scenario.stack.postgrest.get("db-pre-request", ""))
        stamping = await find(connection, wish.role, wish.pre_request, presumed)
        if wish.remove and not stamping.installed:
            click.echo("The stamp is not installed.")
        elif not wish.run:
            click.echo(_printed(stamping, remove=wish.remove))
        elif wish.remove:
            await _remove(connection, stamping, loaded)
        else:
            await _install(connection, stamping, loaded)
    finally:
        connection.terminate()
    return ExitCode.PASS


def _printed(stamping: Stamping, *, remove: bool) -> str:
    if remove:
        drop = f"-- Once no answer carries the stamp:\n{stamping.drop_sql}"
        return f"{stamping.release_sql}\n{drop}\n-- With --yes, loadcheck runs it."
    calls = stamping.before.calls or "nothing"
    return f"{_BY_FILE.format(calls=calls)}{stamping.install_sql}\n-- With --yes, loadcheck runs it."


async def _install(connection: Connection, stamping: Stamping, loaded: LoadedScenario) -> None:
    await _run(connection, stamping.install_sql, "install the stamp")
    if not await _becomes(loaded, stamped=True):
        raise EnvironmentProblem(
            "the stamp is installed, but answers do not carry it",
            f"Have PostgREST read its configuration again (SIGUSR2, or restart it). If it does not read it from the "
            f'database (db-config = false), set db-pre-request = "{FUNCTION}".',
        )
    first = f", after {stamping.before.calls}" if stamping.before.calls else ""
    click.echo(f"The stamp is installed{first}: answers carry it.")


async def _remove(connection: Connection, stamping: Stamping, loaded: LoadedScenario) -> None:
    """Have PostgREST let go of the function before it is dropped: requests on their way must not fail."""
    await _run(connection, stamping.release_sql, "remove the stamp")
    if not await _becomes(loaded, stamped=False):
        raise EnvironmentProblem(
            f"PostgREST was told to call {FUNCTION} no more, but no answer shows that; the function is still there",
            "Have PostgREST read its configuration again (SIGUSR2, or restart it), and take the function out of its "
            "file if it stands there. Then --remove-stamp --yes once more.",
        )
    await _run(connection, stamping.drop_sql, "remove the stamp")
    click.echo("The stamp is removed, and everything is as it was before.")


async def _run(connection: Connection, sql: str, what: str) -> None:
    try:
        await connection.execute(sql)
    except asyncpg.InsufficientPrivilegeError as refusal:
        raise EnvironmentProblem(
            f"the role of --database may not {what}: {refusal.args[0]}",
            f"Nothing was changed. Give this to an administrator:\n\n{sql}",
        ) from None
    except asyncpg.PostgresError as error:
        raise EnvironmentProblem(
            f"PostgreSQL says: {error.args[0]} ({error.sqlstate})", "Nothing was changed."
        ) from None


async def _becomes(loaded: LoadedScenario, *, stamped: bool) -> bool:
    """Ask until answers carry the stamp, or do not; False when they stay as they are."""
    clock = SystemClock()
    doctor = Doctor(loaded, "", {}, clock)
    until = clock.now() + _PATIENCE_S
    while await doctor.stamped() is not stamped:
        if clock.now() >= until:
            return False
        await clock.sleep(_LOOK_EVERY_S)
    return True
