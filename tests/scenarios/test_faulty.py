"""The faulty programs of the gallery are faulty whenever they are asked to be."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import ClientSession, DummyCookieJar, web

from tests.faulty.coalescing_proxy import Proxy

_LATE_S: Final = 0.2  # longer than the first answer takes; as late as a client may be on a busy machine

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_get_that_comes_a_little_after_another_shares_its_answer_however_quick_that_is() -> None:
    async def who(request: web.Request) -> web.Response:
        return web.Response(text=request.headers["Authorization"])

    async def asked(session: ClientSession, url: str, caller: str) -> str:
        async with session.get(f"{url}/pets", headers={"Authorization": caller}) as answer:
            return await answer.text()

    async with (
        ClientSession(cookie_jar=DummyCookieJar()) as session,
        serving(who) as upstream,
        serving(Proxy(session, upstream, p=1.0, hold=1.0).handle) as url,
    ):
        first = asyncio.create_task(asked(session, url, "first"))
        await asyncio.sleep(_LATE_S)
        assert await asked(session, url, "second") == "first"
        assert await first == "first"
