"""A second gateway on the pool: `second_gateway.py --port --postgrest --database [--fault split|bare] [--p]`.

It answers `GET /report/pets` with SQL of its own and forwards everything else to PostgREST. With probability `--p` a
report is made with the fault; otherwise the claims are set, for the transaction, in the one in which it asks.

* `split`: the claims are set for the session, and the query is another transaction.
* `bare`: the claims are set for the transaction, but none was begun: setting and query are one each.

It takes the claims from the token as they are: that it is signed is PostgREST's to check, and beside the point here.
"""

import argparse
import asyncio
import base64
import json
import random
from dataclasses import dataclass
from typing import Final

import asyncpg
from aiohttp import ClientSession, DummyCookieJar, web

from tests.faulty.coalescing_proxy import Proxy, serve

_CONNECTIONS: Final = 16
_DICE: Final = random.SystemRandom()
_PETS: Final = """
    SELECT coalesce(json_agg(_), '[]')::text FROM (SELECT id, name, keeper FROM pets ORDER BY id) AS _"""


@dataclass(frozen=True)
class Reports:
    pool: asyncpg.Pool
    fault: str
    p: float

    async def pets(self, request: web.Request) -> web.Response:
        try:
            rows = await self._rows(claims_of(request))
        except asyncpg.PostgresError as error:
            told = json.dumps({"code": error.sqlstate, "message": str(error)})
            return web.Response(status=400, text=told, content_type="application/json")
        return web.Response(text=rows, content_type="application/json")

    async def _rows(self, claims: str) -> str:
        faulty = _DICE.random() < self.p
        async with self.pool.acquire() as connection:
            if faulty:
                async with connection.transaction():
                    await _set_claims(connection, claims, local=self.fault == "bare")
            async with connection.transaction(readonly=True):
                if not faulty:
                    await _set_claims(connection, claims, local=True)
                return str(await connection.fetchval(_PETS))


async def _set_claims(connection: asyncpg.Connection, claims: str, *, local: bool) -> None:
    await connection.execute("SELECT set_config('request.jwt.claims', $1, $2)", claims, local)


def claims_of(request: web.Request) -> str:
    payload = request.headers["Authorization"].split(".")[1]
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()


async def _leave_as_is(_: asyncpg.Connection) -> None:
    """Take the place of asyncpg's `RESET ALL`, which would reach whatever backend the pooler has at hand."""


async def main(port: int, postgrest: str, database: str, fault: str, p: float) -> None:
    async with (
        asyncpg.create_pool(
            database, min_size=_CONNECTIONS, max_size=_CONNECTIONS, statement_cache_size=0, reset=_leave_as_is
        ) as pool,
        ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar()) as session,
    ):
        app = web.Application()
        app.router.add_get("/report/pets", Reports(pool, fault, p).pets)
        app.router.add_route("*", "/{path:.*}", Proxy(session, postgrest, p=0, hold=0).handle)
        await serve(app, port)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--postgrest", required=True, help="PostgREST's URL")
    parser.add_argument("--database", required=True, help="a DSN through the pooler")
    parser.add_argument("--fault", choices=["split", "bare"], default="split")
    parser.add_argument("--p", type=float, default=0.0, help="the probability that a report is made with the fault")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.port, arguments.postgrest, arguments.database, arguments.fault, arguments.p))
