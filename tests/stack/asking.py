"""Asking the programs of a stack, as its users do."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import aiohttp

from loadcheck.clock import SystemClock
from loadcheck.identity.population import Identity
from loadcheck.identity.tokens import Mint
from loadcheck.stack.programs import POSTGRES, Finder
from loadcheck.stack.stack import EmbeddedStack
from tests.pets import FOLDER


async def ask(stack: EmbeddedStack, path: str, url: str = "", **claims: str) -> tuple[int, Any]:
    """Return status and JSON of PostgREST's answer to a caller of the single role."""
    identity = Identity(0, 0, "asker", {"role": "role_readwrite", **claims}, {})
    token = Mint(stack.jwt, FOLDER, SystemClock()).token(identity)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get((url or stack.url) + path, headers=headers) as answer,
    ):
        return answer.status, await answer.json(content_type=None)


async def pets_of(stack: EmbeddedStack, keeper: str) -> list[int]:
    """Return the ids of the pets that PostgREST shows to a keeper."""
    status, rows = await ask(stack, "/pets?order=id", user_type=keeper)
    assert status == 200, rows
    return [row["id"] for row in rows]


async def console(stack: EmbeddedStack, command: str) -> dict[str, str]:
    """Return the first two columns of what PgBouncer's console answers."""
    postgres = Finder().find(POSTGRES)
    assert postgres
    output = await asyncio.to_thread(_psql, postgres.beside("psql"), stack.console, command)
    return dict(line.split("|")[:2] for line in output.splitlines())


def _psql(program: Path, dsn: str, command: str) -> str:
    return subprocess.run(
        [program, "--no-psqlrc", "-At", "-c", command, dsn], check=True, capture_output=True, text=True
    ).stdout
