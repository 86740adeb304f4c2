"""What the stamp costs: the same small SELECT with and without it, in turns, on two stacks side by side.

    python bench/stamp.py [ROUNDS]

Starts two embedded stacks of scenarios/pets.yaml, one of them without the stamp, and sends each the same requests in
alternating rounds, so that whatever else the machine does hits both. Prints the median rate of each with its spread,
and the ratio of the two within a pair of rounds: its median, and the quartiles.
"""

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import quantiles
from typing import Final

from loadcheck.clock import SystemClock
from loadcheck.engine.messages import Headers, Message
from loadcheck.engine.transport import Transport
from loadcheck.engine.transports import transport_to
from loadcheck.errors import EnvironmentProblem
from loadcheck.identity.population import Identity
from loadcheck.identity.tokens import Mint
from loadcheck.oracle.stamp import NONCE_HEADER
from loadcheck.scenario.load import LoadedScenario, load
from loadcheck.scenario.target import Target
from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack

ROUNDS: Final = 12
CALLERS: Final = 16
REQUESTS: Final = 800
PATH: Final = "/pets?name=eq.pet-1&select=id,name,keeper"
SCENARIO: Final = Path(__file__).parents[1] / "scenarios" / "pets.yaml"


def message(loaded: LoadedScenario, stack: EmbeddedStack) -> Message:
    """Return the SELECT of one tenant's pet, as a run sends it."""
    identity = Identity(0, 0, "tenant", {"role": "role_readwrite", "user_type": "tenant-7"}, {})
    token = Mint(stack.jwt, loaded.folder, SystemClock()).token(identity)
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", NONCE_HEADER: "01234567-0-0-0"}
    return Message("GET", stack.url + PATH, Headers(headers))


async def rate(transport: Transport, sent: Message) -> float:
    """Return answers a second over one round.

    Raises:
        EnvironmentProblem: the stack answers with something else.
    """
    left = iter(range(REQUESTS))

    async def call() -> None:
        for _ in left:
            answer = await transport.send(sent)
            if answer.status != 200:  # noqa: PLR2004 -- HTTP's ok
                raise EnvironmentProblem(f"the stack answers {answer.status}: {answer.body.decode()[:200]}")

    began = time.perf_counter()
    async with asyncio.TaskGroup() as callers:
        for _ in range(CALLERS):
            callers.create_task(call())
    return REQUESTS / (time.perf_counter() - began)


async def measure(rounds: int = ROUNDS) -> str:
    """Return what the stamp costs, as Markdown.

    Raises:
        LoadcheckError: a stack cannot be started, or does not answer.
    """
    return _told(*await _rates(rounds))


async def _rates(rounds: int) -> tuple[list[float], list[float]]:
    """Return the rates of each round with the stamp, and without."""
    async with AsyncExitStack() as stacks:
        sent = []
        for stamp in ("true", "false"):
            loaded = load(SCENARIO, {"stack.stamp": stamp}, environ={})
            stack = await stacks.enter_async_context(embedded(loaded.scenario, loaded.folder))
            sent.append(message(loaded, stack))
        transport = transport_to(Target(), SystemClock())
        stacks.push_async_callback(transport.close)
        for one in sent:
            await rate(transport, one)  # connections are made, plans and caches are warm
        rates: tuple[list[float], list[float]] = ([], [])
        for turn in range(rounds):
            for side in (0, 1) if turn % 2 == 0 else (1, 0):  # neither is always the first of a pair
                rates[side].append(await rate(transport, sent[side]))
    return rates


def _told(stamped: list[float], plain: list[float]) -> str:
    ratios = [one / other for one, other in zip(stamped, plain, strict=True)]
    return "\n".join(
        (
            f"{len(ratios)} pairs of rounds of {REQUESTS} small SELECTs, {CALLERS} callers, two stacks side by side.",
            "",
            "| | median | quartiles |",
            "|---|---:|---:|",
            f"| answers a second with the stamp | {_spread(stamped, ',.0f')} |",
            f"| without | {_spread(plain, ',.0f')} |",
            f"| one by the other, within a pair | {_spread(ratios, '.2f')} |",
        )
    )


def _spread(values: list[float], form: str) -> str:
    low, middle, high = quantiles(values, n=4)
    return f"{middle:{form}} | {low:{form}} to {high:{form}}"


if __name__ == "__main__":
    print(asyncio.run(measure(*map(int, sys.argv[1:]))))
