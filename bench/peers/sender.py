"""Sends as fast as it goes and looks at nothing: a loop around aiohttp, or loadcheck without what checks.

    cd bench && python -m peers.sender WAY URL SECONDS SCENARIO

WAY is `bare`, one of loadcheck's transports alone, `wire` or `aiohttp`, or `engine`: loadcheck's engine, which draws
identities and requests, makes a message for each and sends it by the scenario's schedule. The token is in the
environment as BENCH_TOKEN. Prints a JSON object: the answers a second, and the microseconds of processor time for one.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import uvloop
from aiohttp import ClientSession

from loadcheck.clock import SystemClock
from loadcheck.engine.draws import Draws
from loadcheck.engine.engine import Engine
from loadcheck.engine.events import Answer, Draw, Ended, Event
from loadcheck.engine.feed import Feed
from loadcheck.engine.messages import Composer, Headers, Message
from loadcheck.engine.transport import Transport
from loadcheck.engine.transports import transport_to
from loadcheck.identity.population import populate
from loadcheck.judge.stamp import nonce_of
from loadcheck.run.undisturbed import undisturbed
from loadcheck.scenario.load import load
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.target import Target
from peers.target import CALLERS, PATH, fields


async def measured(sending: Awaitable[int]) -> dict[str, float]:
    """Return how often a second something is sent, and what one sending costs; it returns how often it has sent."""
    began, used = time.perf_counter(), time.process_time()
    count = await sending
    elapsed, used = time.perf_counter() - began, time.process_time() - used
    return {"rate": count / elapsed, "cpu_us": used / count * 1e6}


async def called(call: Callable[[], Awaitable[None]], seconds: float) -> int:
    """Have every caller call again and again, and return how often they did."""
    count, until = 0, time.perf_counter() + seconds

    async def caller() -> None:
        nonlocal count
        while time.perf_counter() < until:
            await call()
            count += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return count


async def carried(transport: Transport, message: Message, seconds: float) -> int:
    """Have a transport carry a message as often as it can, and return how often: each answer sends the next at once."""
    count, callers, until = 0, CALLERS, time.perf_counter() + seconds
    over: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def landed(came: Answer | Exception) -> None:
        nonlocal count, callers
        if over.done():
            return
        if not isinstance(came, Answer):
            over.set_exception(came)
            return
        count += 1
        if time.perf_counter() < until:
            transport.begin(message, landed)
            return
        callers -= 1
        if not callers:
            over.set_result(count)

    for _ in range(CALLERS):
        transport.begin(message, landed)
    return await over


async def driven(scenario: Scenario, seconds: float) -> dict[str, float]:
    """Measure the engine of a run, as undisturbed as there, where nobody looks at what it tells."""
    transport, clock, count = transport_to(scenario.target, SystemClock()), SystemClock(), 0
    phases = [phase.model_copy(update={"duration": seconds}) for phase in scenario.load]
    population = populate(scenario, {})
    draws = Draws(scenario, population, seed=1)
    given = f"Bearer {os.environ['BENCH_TOKEN']}"
    composer = Composer(scenario, population, scenario.target.url, lambda _: given, partial(nonce_of, "0" * 8), str)

    def drop(event: Event) -> None:
        nonlocal count
        count += len(event.exchanges) if isinstance(event, Ended) else 0

    engine = Engine(
        phases=phases,
        feed=Feed(draws, unprepared, clock),
        compose=composer.compose,
        transport=transport,
        clock=clock,
        emit=drop,
        seed=1,
    )

    async def run() -> int:
        await engine.run()
        return count

    with undisturbed():
        figures = await measured(run())
    await transport.close()
    return figures


async def unprepared(_draws: Sequence[Draw]) -> None:
    """Read nothing ahead: nobody wants to know what is right."""


async def main(way: str, url: str, seconds: float, scenario: Path) -> dict[str, float]:
    """Send in one of the ways."""
    if way == "engine":
        base = url.removesuffix(PATH)
        return await driven(load(scenario, {"target.url": base}).scenario, seconds)
    headers = fields(os.environ["BENCH_TOKEN"])
    if way == "bare":
        async with ClientSession() as session:

            async def get() -> None:
                async with session.get(url, headers=headers) as answer:
                    await answer.read()

            return await measured(called(get, seconds))
    message = Message("GET", url, Headers(headers))
    transport = transport_to(Target.model_validate({"transport": way}), SystemClock())
    try:
        return await measured(carried(transport, message, seconds))
    finally:
        await transport.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), Path(sys.argv[4])))))
