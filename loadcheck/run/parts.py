"""The parts of a run that need the target and the database, for as long as it lasts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from loadcheck.clock import Clock
from loadcheck.engine.events import Exchange
from loadcheck.engine.messages import Composer
from loadcheck.engine.transport import Transport
from loadcheck.engine.transports import transport_to
from loadcheck.oracle.caller import Caller
from loadcheck.oracle.database import Database
from loadcheck.oracle.stamp import claims_digests
from loadcheck.run.clockwatch import Clockwatch
from loadcheck.run.judging.context import Context
from loadcheck.run.observer import Observer
from loadcheck.run.preparing.preflight import Preflight
from loadcheck.run.preparing.preparation import Known, Prepared, prepare
from loadcheck.scenario.load import LoadedScenario


@dataclass(frozen=True, slots=True)
class Parts:
    """What sends, what knows the right answers, and what keeps both in step with the target.

    Attributes:
        database: The oracle's.
        auditing: A connection of its own: an audit of a large table must not keep the oracle waiting.
        preflight: What was asked before the run.
    """

    prepared: Prepared
    database: Database
    auditing: Database
    transport: Transport
    composer: Composer
    context: Context
    clockwatch: Clockwatch
    folder: Path
    preflight: Sequence[Exchange]

    def at(self, url: str) -> "Parts":
        """Return the same parts, with everything sent to another place."""
        return replace(self, composer=_composer(self.prepared, url, self.context))


@asynccontextmanager
async def put_together(
    loaded: LoadedScenario, clock: Clock, observer: Observer, known: Known | None = None
) -> AsyncIterator[Parts]:
    """Yield the parts once the target has answered as it should, and close them in the end.

    Args:
        loaded: The scenario.
        clock: The run's clock.
        observer: Is told of each step.
        known: What is known from a run that this is a part of; None: it is one of its own.

    Raises:
        LoadcheckError: the target, the database or the scenario does not allow a run.
    """
    target = loaded.scenario.target
    async with AsyncExitStack() as stack:
        database, auditing = (Database(target.database.get_secret_value()) for _ in range(2))
        stack.push_async_callback(database.close)
        stack.push_async_callback(auditing.close)
        transport = transport_to(target, clock)
        stack.push_async_callback(transport.close)
        prepared = await prepare(loaded, database, clock, observer, known)
        caller = Caller(loaded.scenario.stack.postgrest)
        context = Context(prepared.population, caller, prepared.marks.run, straight=loaded.straight)
        if target.database.get_secret_value():
            context.digests = await claims_digests(database, prepared.population)
        composer = _composer(prepared, target.url, context)
        preflight = Preflight(prepared, composer.compose, transport, clock)
        clockwatch = Clockwatch(prepared, preflight, observer, clock)
        await clockwatch.align()
        asked = await preflight.check()
        observer.step(f"{target.url} answers and takes the tokens")
        yield Parts(prepared, database, auditing, transport, composer, context, clockwatch, loaded.folder, asked)


def _composer(prepared: Prepared, url: str, context: Context) -> Composer:
    authorization = prepared.authorizations.authorization
    return Composer(prepared.scenario, prepared.population, url, authorization, context.nonce, prepared.mark)
