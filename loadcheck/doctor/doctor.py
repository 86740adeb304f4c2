"""The whole look: facts are read once from each place, and every check goes over them."""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import asyncpg

from loadcheck.clock import Clock
from loadcheck.doctor.catalogue import Catalogue
from loadcheck.doctor.checks import bypasses, coverage, database, policies, pooling, roles, tables, tokens
from loadcheck.doctor.checks import target as targets
from loadcheck.doctor.line import About, Level, Line, unusable, warning
from loadcheck.doctor.pooler import find_pooler
from loadcheck.doctor.reading import read_catalogue
from loadcheck.doctor.target import Asker, Target
from loadcheck.engine.transports import transport_to
from loadcheck.errors import ExitCode, LoadcheckError
from loadcheck.identity.population import Population, populate
from loadcheck.oracle.caller import Caller
from loadcheck.oracle.database import GONE, Database, sql_problem
from loadcheck.oracle.expectation import Expectations
from loadcheck.oracle.inspect import read_identities, sql_mistakes
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.load import LoadedScenario

T = TypeVar("T")

_OF_TARGET: Final = (targets.reachable, targets.version, targets.clock, targets.stamped, tokens.tokens, coverage.cut)
_OF_CATALOGUE: Final = (
    database.version,
    database.clock,
    database.sees_every_row,
    roles.exist,
    roles.bound,
    roles.granted,
    tables.secured,
    policies.settings,
    policies.immutable,
    policies.checks_nothing,
    bypasses.views,
    bypasses.materialized_views,
    bypasses.definers,
)
_ORDER: Final = list(About)
_SUCCESS: Final = frozenset(range(200, 300))
_SERVED: Final = "public"  # PostgREST's default for db-schemas


@dataclass(frozen=True, slots=True)
class Doctor:
    """Looks at the target, the database and the pooler of a scenario; changes nothing.

    Attributes:
        loaded: The scenario; its `target` says where to look.
        pooled: DSN of what PostgREST logs in to; empty where it is not known.
        settings: What is known of PostgREST's and the pooler's settings.
        clock: Tells the time.
    """

    loaded: LoadedScenario
    pooled: str = field(repr=False)
    settings: Mapping[str, Scalar]
    clock: Clock

    async def examine(self) -> list[Line]:
        """Return what was seen, in the order of what it is about."""
        dsn = self.loaded.scenario.target.database.get_secret_value()
        source = Database(dsn)
        try:
            if dsn:
                population, lines = await self._of_database(source)
            else:
                population, lines = self._population({}), [_NO_DATABASE]
        finally:
            await source.close()
        seen = await self._look_at_target(population)
        lines += [line for check in _OF_TARGET for line in check(seen)]
        return sorted(lines, key=lambda line: _ORDER.index(line.about))

    async def stamped(self) -> bool | None:
        """Return whether a right answer carries the stamp; None where there is no right answer.

        Raises:
            EnvironmentProblem: the database cannot be read.
        """
        source = Database(self.loaded.scenario.target.database.get_secret_value())
        try:
            population = self._population(await read_identities(source, self.loaded.scenario))
        finally:
            await source.close()
        return (await self._look_at_target(population)).stamped

    async def _of_database(self, source: Database) -> tuple[Population, list[Line]]:
        scenario = self.loaded.scenario
        rows = await _or_line(read_identities(source, scenario))
        population = self._population({} if isinstance(rows, Line) else rows)
        schemas = str(self.settings.get("db-schemas", scenario.stack.postgrest.get("db-schemas", _SERVED))).split(",")
        catalogue = await _or_line(read_catalogue(source, self.clock, self._roles(population), schemas))
        if isinstance(catalogue, Line):
            return population, [catalogue]
        lines = [line for check in _OF_CATALOGUE for line in check(catalogue)]
        lines += coverage.not_asked(scenario, catalogue)
        lines += [rows] if isinstance(rows, Line) else await self._of_sql(source, catalogue)
        return population, lines + await self._of_pooler(catalogue)

    async def _of_sql(self, source: Database, catalogue: Catalogue) -> list[Line]:
        """Tell of the scenario's own SQL that PostgreSQL refuses."""
        if catalogue.hidden:
            return []
        mistakes = await sql_mistakes(source, self.loaded.scenario, Expectations(self.loaded.scenario))
        return [
            unusable(
                About.DATABASE,
                f"{self.loaded.place(*mistake.loc, offset=mistake.offset)}: PostgreSQL says: {mistake.message}",
                "Mend the statement in the scenario.",
            )
            for mistake in mistakes
        ]

    async def _of_pooler(self, catalogue: Catalogue) -> list[Line]:
        dsn = self.pooled or self.loaded.scenario.target.database.get_secret_value()
        pooler = await _or_line(find_pooler(dsn), About.POOLER)
        if isinstance(pooler, Line):
            return [pooler]
        told = {name.replace("_", "-"): value for name, value in catalogue.settings.items()}
        settings = {**self.settings, **told}
        where = [] if self.pooled else [_NOT_POSTGRESTS]
        return [*pooling.mode(pooler), *pooling.prepared_statements(pooler, settings), *where]

    async def _look_at_target(self, population: Population) -> Target:
        target = self.loaded.scenario.target
        transport = transport_to(target, self.clock)
        try:
            return await Asker(self.loaded.scenario, self.loaded.folder, population, transport, self.clock).look()
        finally:
            await transport.close()

    def _population(self, rows: Mapping[int, Sequence[Mapping[str, Any]]]) -> Population:
        """Make identities; none where `from` could not be read."""
        mixes = range(len(self.loaded.scenario.identities))
        return populate(self.loaded.scenario, {mix: rows.get(mix, ()) for mix in mixes})

    def _roles(self, population: Population) -> list[str]:
        """Return the roles of those who should be given something."""
        caller = Caller({**self.loaded.scenario.stack.postgrest, **self.settings})
        welcome = {mix for _, mix, expectation in Expectations(self.loaded.scenario) if expectation.statuses & _SUCCESS}
        asked = {caller.role(population[population.ranges[mix][0]]) for mix in welcome if population.ranges[mix]}
        return sorted(role for role in asked if role is not None)


def exit_code(lines: Iterable[Line]) -> ExitCode:
    """Return what to exit with: 5 where nothing could be run, 3 where something else is wrong, 0 otherwise."""
    bad = [line for line in lines if line.level is Level.WRONG]
    if any(line.blocks for line in bad):
        return ExitCode.ENVIRONMENT
    return ExitCode.THRESHOLD if bad else ExitCode.PASS


async def _or_line(reading: Awaitable[T], about: About = About.DATABASE) -> T | Line:
    """Return what is read, or a line about why it cannot be."""
    try:
        return await reading
    except LoadcheckError as problem:
        return unusable(about, problem.message, problem.advice)
    except asyncpg.PostgresError as error:
        return unusable(about, f"PostgreSQL says: {sql_problem(error)}", "Look at PostgreSQL's log.")
    except GONE:
        return unusable(about, "the connection was closed", "Look at the logs of PostgreSQL and of the pooler.")


_NO_DATABASE: Final = warning(
    About.DATABASE,
    "no database is given, so nothing of roles, policies and the pooler could be looked at",
    "Give --database (target.database): the DSN of a role that sees every row.",
)
_NOT_POSTGRESTS: Final = warning(
    About.POOLER,
    "this is the way of --database; PostgREST's own may be another",
    "Give --pooled: the DSN that PostgREST has (db-uri).",
)
