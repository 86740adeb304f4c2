"""An embedded stack held by a thread of its own, for programs that run no event loop."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loadcheck.clock import SystemClock
from loadcheck.identity.population import Population, populate
from loadcheck.identity.tokens import Mint
from loadcheck.oracle.database import Database
from loadcheck.oracle.inspect import read_identities
from loadcheck.scenario.load import LoadedScenario, load
from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack


@dataclass(frozen=True, slots=True)
class HeldStack:
    """A stack that runs.

    Attributes:
        url: Where requests go.
        dsn: The owner's, straight to PostgreSQL.
    """

    url: str
    dsn: str = field(repr=False)
    _population: Population = field(repr=False)
    _mint: Mint = field(repr=False)

    def token(self, identity: str) -> str | None:
        """Return the token of an identity, such as `keeper#17`; None where it sends none.

        Raises:
            UsageProblem: the scenario has no such identity.
        """
        return self._mint.token(self._population.find(identity))


@contextmanager
def held(scenario: Path) -> Iterator[HeldStack]:
    """Keep the embedded stack of a scenario's file for as long as the context lasts.

    Raises:
        LoadcheckError: the file has mistakes, or its stack cannot be started.
    """
    loaded = load(scenario)
    holder = _Holder(loaded)
    thread = threading.Thread(target=holder.hold, name=f"loadcheck stack of {scenario.name}", daemon=True)
    thread.start()
    try:
        yield holder.ready.result()
    finally:
        holder.let_go()
        thread.join()


class _Holder:
    """What the thread does."""

    def __init__(self, loaded: LoadedScenario) -> None:
        self.ready: Future[HeldStack] = Future()
        self._loaded = loaded
        self._loop: asyncio.AbstractEventLoop | None = None
        self._enough = asyncio.Event()

    def hold(self) -> None:
        """Hold the stack until it is let go; whatever prevents that is told by `ready`."""
        try:
            asyncio.run(self._hold())
        except BaseException as error:  # noqa: BLE001 -- raised again by whoever waits for the stack
            if not self.ready.done():
                self.ready.set_exception(error)

    def let_go(self) -> None:
        """End the stack, if it runs."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._enough.set)

    async def _hold(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with embedded(self._loaded.scenario, self._loaded.folder) as stack:
            self.ready.set_result(await self._held(stack))
            await self._enough.wait()

    async def _held(self, stack: EmbeddedStack) -> HeldStack:
        database = Database(stack.database)
        try:
            population = populate(self._loaded.scenario, await read_identities(database, self._loaded.scenario))
        finally:
            await database.close()
        return HeldStack(stack.url, stack.database, population, Mint(stack.jwt, self._loaded.folder, SystemClock()))
