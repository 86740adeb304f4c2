"""What is given up half-way, by Ctrl-C or for want of patience, leaves a stack that works."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine

import pytest

from loadcheck.engine.randomness import source
from loadcheck.scenario.fault import Fault, FaultKind
from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack
from tests.pets import FOLDER, pets
from tests.stack.asking import pets_of

PATIENCE_S = 30  # no test asserts a time: this only ends what would never end


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[EmbeddedStack]:
    async with embedded(pets(), FOLDER) as running:
        yield running


async def _start_over(stack: EmbeddedStack) -> None:
    await stack.start_over()


async def _restart(stack: EmbeddedStack) -> None:
    fault = Fault(do=FaultKind.POSTGREST_RESTART)
    async with stack.breaks[fault.do](fault, source(1)):
        pass


@pytest.mark.parametrize("begin", [_start_over, _restart])
async def test_postgrest_comes_up_again_once_the_one_before_has_ended(
    stack: EmbeddedStack, begin: Callable[[EmbeddedStack], Coroutine[None, None, None]]
) -> None:
    before = stack.pids["postgrest"]
    starting = asyncio.create_task(begin(stack))
    while before not in stack._launcher.dismissed:  # noqa: ASYNC110 -- once asked to end, it has not ended yet
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert stack.pids["postgrest"] != before
    assert await pets_of(stack, "tenant-1") == list(range(1, 21))


def test_a_start_that_is_given_up_at_once_comes_to_its_end() -> None:
    command = [sys.executable, "-m", "tests.stack.given_up"]
    ended = subprocess.run(command, cwd=FOLDER.parent, timeout=PATIENCE_S, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
