"""Sends as fast as it goes and looks at nothing: a loop around aiohttp, or loadcheck's own transports.

    cd bench && python -m peers.sender WAY URL SECONDS

WAY is `bare`, `wire` or `aiohttp`. The token is in the environment as BENCH_TOKEN. Prints a JSON object: the answers a
second, and the microseconds of processor time for one.
"""

import asyncio
import json
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
from peers.target import CALLERS, fields


async def sent(call: Callable[[], Awaitable[None]], seconds: float) -> dict[str, float]:
    """Return how often a second it can be called by all callers together, and what one call costs."""
    began, used, count = time.perf_counter(), time.process_time(), 0

    async def caller() -> None:
        nonlocal count
        while time.perf_counter() < began + seconds:
            await call()
            count += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    elapsed, used = time.perf_counter() - began, time.process_time() - used
    return {"rate": count / elapsed, "cpu_us": used / count * 1e6}


async def main(way: str, url: str, seconds: float) -> dict[str, float]:
    """Send in one of the ways."""
    headers = fields(os.environ["BENCH_TOKEN"])
    if way == "bare":
        async with ClientSession() as session:

            async def get() -> None:
                async with session.get(url, headers=headers) as answer:
                    await answer.read()

            return await sent(get, seconds)
    message = Message("GET", url, Headers(headers))
    transport = transport_to(Target.model_validate({"transport": way}), SystemClock())

    async def send() -> None:
        await transport.send(message)

    try:
        return await sent(send, seconds)
    finally:
        await transport.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))))
