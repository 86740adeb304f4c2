"""A proxy that sends identical GETs that are under way only once.

`coalescing_proxy.py --port --upstream [--p] [--hold]`

With probability `--p` a GET joins one for the same path and query that has not been answered yet, whoever sent it, and
gets that one's answer. With 0 every request is forwarded. It holds the first of them back for `--hold` seconds, for
others to join: else a busy machine, on which a client comes to send the next request only after the answer to the one
before, would see nothing of it.
"""

import argparse
import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import ClientSession, DummyCookieJar, web

_HOP_BY_HOP: Final = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
_TO_ANSWER_S: Final = 5.0
_DICE: Final = random.SystemRandom()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Proxy:
    session: ClientSession
    upstream: str
    p: float
    hold: float
    under_way: dict[str, asyncio.Task[Answer]] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.Response:
        answer = await self._answer(request)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _answer(self, request: web.Request) -> Answer:
        if request.method != "GET" or _DICE.random() >= self.p:
            return await self._forward(request)
        task = self.under_way.get(request.path_qs)
        if task is None:
            task = self.under_way[request.path_qs] = asyncio.create_task(self._hold(request))
            task.add_done_callback(lambda _: self.under_way.pop(request.path_qs))
        # Whoever came first may leave without taking the answer from the others.
        return await asyncio.shield(task)

    async def _hold(self, request: web.Request) -> Answer:
        await asyncio.sleep(self.hold)
        return await self._forward(request)

    async def _forward(self, request: web.Request) -> Answer:
        url = self.upstream + request.path_qs
        headers, body = end_to_end(request.headers), await request.read()
        async with self.session.request(request.method, url, headers=headers, data=body or None) as answer:
            return Answer(answer.status, end_to_end(answer.headers), await answer.read())


def end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    """Leave out what belongs to one connection."""
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}


async def main(port: int, upstream: str, p: float, hold: float) -> None:
    async with ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar()) as session:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", Proxy(session, upstream, p, hold).handle)
        await serve(app, port)


async def serve(app: web.Application, port: int) -> None:
    """Serve on loopback until the program is ended."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_TO_ANSWER_S)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="PostgREST's URL")
    parser.add_argument("--p", type=float, default=0.0, help="the probability that a GET may share an answer")
    parser.add_argument("--hold", type=float, default=0.0, help="for how many seconds it waits for others to join")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.port, arguments.upstream, arguments.p, arguments.hold))
