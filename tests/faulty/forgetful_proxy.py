"""A proxy that mixes tokens up: `forgetful_proxy.py --port --upstream [--p]`.

With probability `--p` it sends a request on with the token of the request before it, whoever sent that.
"""

import argparse
import asyncio
import random
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientSession, DummyCookieJar, web

from tests.faulty.coalescing_proxy import end_to_end, serve

_TOKEN: Final = "Authorization"
_DICE: Final = random.SystemRandom()


@dataclass
class Proxy:
    session: ClientSession
    upstream: str
    p: float
    before: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        headers, body = end_to_end(request.headers), await request.read()
        mine = headers.get(_TOKEN, "")
        if self.before and _DICE.random() < self.p:
            headers[_TOKEN] = self.before
        self.before = mine
        url = self.upstream + request.path_qs
        async with self.session.request(request.method, url, headers=headers, data=body or None) as answer:
            return web.Response(status=answer.status, headers=end_to_end(answer.headers), body=await answer.read())


async def main(port: int, upstream: str, p: float) -> None:
    async with ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar()) as session:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", Proxy(session, upstream, p).handle)
        await serve(app, port)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="PostgREST's URL")
    parser.add_argument("--p", type=float, default=0.0, help="the probability that a request gets another's token")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.port, arguments.upstream, arguments.p))
