"""Sends as fast as it goes and looks at nothing: a loop around aiohttp, or loadcheck's own transports.

    python bench/peers/sender.py WAY URL SECONDS

WAY is `bare`, `wire` or `aiohttp`. The token is in the environment as BENCH_TOKEN. Prints the answers a second.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable

import uvloop
from aiohttp import ClientSession

from loadcheck.clock import SystemClock
from loadcheck.engine.messages import Headers, Message
from loadcheck.engine.transports import transport_to
from loadcheck.scenario.target import Target

CALLERS = 32


async def rate(call: Callable[[], Awaitable[None]], seconds: float) -> float:
    """Return how often a second it can be called by all callers together."""
    began, count = time.perf_counter(), 0

    async def caller() -> None:
        nonlocal count
        while time.perf_counter() < began + seconds:
            await call()
            count += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return count / (time.perf_counter() - began)


async def main(way: str, url: str, seconds: float) -> float:
    """Return the answers a second of one way."""
    fields = {"Accept": "application/json", "Authorization": f"Bearer {os.environ['BENCH_TOKEN']}"}
    if way == "bare":
        async with ClientSession() as session:

            async def get() -> None:
                async with session.get(url, headers=fields) as answer:
                    await answer.read()

            return await rate(get, seconds)
    message = Message("GET", url, Headers(fields))
    transport = transport_to(Target.model_validate({"transport": way}), SystemClock())

    async def send() -> None:
        await transport.send(message)

    try:
        return await rate(send, seconds)
    finally:
        await transport.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
