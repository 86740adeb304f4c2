"""Fresh backends behind PgBouncer, while everybody goes on asking."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import asyncpg
import pytest

from loadcheck.errors import EnvironmentProblem
from loadcheck.scenario.fault import FaultKind
from loadcheck.stack.construction import embedded
from loadcheck.stack.ports import LOOPBACK
from loadcheck.stack.renewal import Renewal
from loadcheck.stack.stack import EmbeddedStack
from tests.pets import FOLDER, pets

if TYPE_CHECKING:
    from loadcheck.stack.postgres import Postgres

POOL = 4  # backends
CALLERS = 8
WANTED = 6 * POOL
ROUNDS = 2_000
READY = b"Z\x00\x00\x00\x05I"  # what PostgreSQL ends a login with


async def test_no_caller_fails_while_backends_are_made_anew_again_and_again() -> None:
    async with embedded(pets(pooler={"mode": "transaction", "size": POOL}), FOLDER) as stack:
        assert stack.renew is not None
        seen: set[int] = set()
        async with asyncio.TaskGroup() as callers:
            asking = [callers.create_task(_ask(stack, seen)) for _ in range(CALLERS)]
            while not all(task.done() for task in asking):
                await stack.renew()
        assert len(seen) >= WANTED


async def _ask(stack: EmbeddedStack, seen: set[int]) -> None:
    """Ask until as many backends as are wanted have answered."""
    connection = await asyncpg.connect(stack.pooled_database, statement_cache_size=0)
    for _ in range(ROUNDS):
        seen.add(await connection.fetchval("SELECT pg_backend_pid()"))
        if len(seen) >= WANTED:
            break
    connection.terminate()


async def test_a_server_that_goes_away_before_it_answers_is_told_and_is_no_error_of_loadchecks(
    pets_stack: EmbeddedStack,
) -> None:
    """So it is when a crash of PostgreSQL falls between a login and a question."""
    there = pets_stack._postgres
    async with _gone_after_the_login(there.port) as port:
        postgres = cast("Postgres", SimpleNamespace(superuser=there.superuser, role=there.role, port=port))
        with pytest.raises(EnvironmentProblem):
            await Renewal(postgres, pets_stack.breaks[FaultKind.PGBOUNCER_RECONNECT], POOL).renew()


@asynccontextmanager
async def _gone_after_the_login(upstream: int) -> AsyncIterator[int]:
    """Yield a port that leads to PostgreSQL, until it is asked something."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asked = await asyncio.open_connection(LOOPBACK, upstream)
        said = b""
        while READY not in said:
            asked.write(await reader.read(65_536))
            said = await answers.read(65_536)
            writer.write(said)
        await reader.read(65_536)
        asked.transport.abort()
        writer.transport.abort()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
