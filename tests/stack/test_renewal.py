"""Fresh backends behind PgBouncer, while everybody goes on asking."""

import asyncio

import asyncpg

from loadcheck.stack.stack import EmbeddedStack, embedded
from tests.pets import FOLDER, pets

POOL = 4  # backends
CALLERS = 8
WANTED = 6 * POOL
ROUNDS = 2_000


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
