"""What is tested: the target that the user names, or the embedded stack."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final

import click
from pydantic import SecretStr

from loadcheck.engine.messages import target_url
from loadcheck.errors import EnvironmentProblem, ExitCode, UsageProblem
from loadcheck.identity.keys import with_secret
from loadcheck.run.faults.lookout import Lookout
from loadcheck.run.faults.powers import Powers
from loadcheck.run.observer import Observer
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.load import LoadedScenario
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.target import Target
from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack
from loadcheck.tasks import ungrouped

_NO_POWERS: Final = Powers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the command line says about the target; it wins over the scenario."""

    url: str | None = None
    database: str | None = field(default=None, repr=False)
    jwt_secret: str | None = field(default=None, repr=False)
    embedded: bool = False
    allow_writes: bool = False


@dataclass(frozen=True, slots=True)
class Aim:
    """What to run against.

    Attributes:
        loaded: The scenario, with its target filled in.
        powers: What may be done to its servers.
        pooled: DSN of what PostgREST logs in to, where it is known.
        settings: What is known of PostgREST's and the pooler's settings, without secrets.
    """

    loaded: LoadedScenario
    powers: Powers = _NO_POWERS
    pooled: str = field(default="", repr=False)
    settings: Mapping[str, Scalar] = field(default_factory=dict)


def with_target(command: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Give a command the options that name a target; it gets them as one argument, `given`."""

    @click.option("--url", help="The PostgREST, or the gateway before it, that is the target.")
    @click.option("--database", help="DSN of a role that row security does not bind: the oracle's.")
    @click.option("--jwt-secret", help="PostgREST's jwt-secret.")
    @click.option("--embedded", is_flag=True, help="Use the embedded stack, whatever target the scenario names.")
    @wraps(command)
    def gathered(
        *, url: str | None, database: str | None, jwt_secret: str | None, embedded: bool, **others: Any
    ) -> ExitCode:
        return command(given=Given(url=url, database=database, jwt_secret=jwt_secret, embedded=embedded), **others)

    return gathered


@asynccontextmanager
async def aimed(loaded: LoadedScenario, given: Given, observer: Observer) -> AsyncIterator[Aim]:
    """Yield what to run against: the target named, or the embedded stack while it is entered.

    Raises:
        UsageProblem: the options contradict each other, a target is named by halves, or it would be written to and
            nobody said that it may be.
        EnvironmentProblem: the stack cannot be started, or one of its programs ended.
    """
    target = _named(loaded.scenario.target, given)
    if target.url:
        if not target.jwt.given:
            raise UsageProblem(
                f"no key to sign tokens for {target.url}",
                "Give PostgREST's jwt-secret with --jwt-secret, or a key in the scenario's target.jwt.",
            )
        if not given.allow_writes:
            _refuse_writes(loaded.scenario, target.url)
        yield Aim(loaded.aimed_at(target))
        return
    observer.step("starting the embedded stack")
    async with embedded(loaded.aimed_at(target).scenario, loaded.folder, observer.step) as stack:
        found = {"url": stack.url, "database": SecretStr(stack.database), "jwt": stack.jwt}
        with ungrouped():
            async with asyncio.TaskGroup() as tasks:
                powers = Powers(stack.freshen, stack.start_over, stack.past_pooler, stack.renew, stack.breaks)
                watch = tasks.create_task(_watch(stack, powers.lookout, observer))
                there = loaded.aimed_at(target.model_copy(update=found), embedded=True)
                yield Aim(there, powers, stack.pooled_database, stack.settings)
                watch.cancel()


async def _watch(stack: EmbeddedStack, lookout: Lookout, observer: Observer) -> None:
    def revived(sentence: str) -> None:
        observer.step(sentence)
        lookout.revivals.append(sentence)

    try:
        await stack.broken(revived)
    except EnvironmentProblem as problem:
        lookout.tell(problem)


def _refuse_writes(scenario: Scenario, url: str) -> None:
    writing = [request.name for request in scenario.requests if not request.safe]
    if writing:
        raise UsageProblem(
            f"the scenario writes, and {url} may hold data that matter: {', '.join(map(repr, writing))}",
            "Nothing was sent. Say --allow-writes if its data may be changed, or --embedded to use the embedded stack.",
        )


def _named(target: Target, given: Given) -> Target:
    if given.embedded and (given.url or given.database):
        raise UsageProblem("--embedded brings its own target", "Leave out --url and --database, or --embedded.")
    url = "" if given.embedded else given.url or target.url
    database = "" if given.embedded else given.database or target.database.get_secret_value()
    if database and not url:
        raise UsageProblem(
            "a database is given but no URL to test",
            "Give --url (target.url) as well, or neither of the two.",
        )
    jwt = target.jwt if given.jwt_secret is None else with_secret(target.jwt, given.jwt_secret)
    change = {"url": target_url(url) if url else "", "database": SecretStr(database), "jwt": jwt}
    return target.model_copy(update=change)
