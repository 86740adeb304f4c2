"""Everything that is done before anything is sent: identities, tokens, expected rows."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from loadcheck.clock import Clock
from loadcheck.engine.events import Draw
from loadcheck.errors import NothingToCheck, UsageProblem
from loadcheck.identity.authorizations import Authorizations
from loadcheck.identity.population import Population, populate, variables
from loadcheck.identity.tokens import Mint
from loadcheck.oracle.database import Database
from loadcheck.oracle.expectation import Expectations
from loadcheck.oracle.inspect import read_identities, sql_mistakes
from loadcheck.oracle.marks import Mark, Marks
from loadcheck.oracle.oracle import Oracle
from loadcheck.oracle.writes import Writes
from loadcheck.run.judging.naming import Naming
from loadcheck.run.observer import Observer
from loadcheck.run.preparing.drift import Drift
from loadcheck.scenario.load import LoadedScenario
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.names import MARK
from loadcheck.scenario.problems import Problem, ScenarioError

_TOLD_EVERY_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Known:
    """What all workers of a run must have alike.

    Attributes:
        rows: The rows that made identities, by the index of their mix.
        run: Eight hexadecimal digits that tell the run from others.
    """

    rows: Mapping[int, Sequence[Mapping[str, Any]]]
    run: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run needs to send and to judge."""

    scenario: Scenario
    population: Population
    expectations: Expectations
    oracle: Oracle
    writes: Writes
    mint: Mint
    authorizations: Authorizations
    marks: Marks
    naming: Naming
    drift: Drift

    @property
    def known(self) -> Known:
        """What whoever joins in this run must have alike."""
        mixes = [index for index, mix in enumerate(self.scenario.identities) if mix.from_ is not None]
        rows = {mix: [identity.variables for identity in self.population.of_mix(mix)] for mix in mixes}
        return Known(rows, self.marks.run)

    def mark(self, draw: Draw) -> str:
        """Return what the rows that a draw writes carry."""
        return self.marks.text(Mark(draw.request, draw.identity, draw.seq))

    def variables(self, draw: Draw) -> dict[str, Any]:
        """Return what each placeholder stands for in a draw's expectations."""
        request = self.scenario.requests[draw.request]
        drawn: dict[str, Any] = dict(zip(request.vars, draw.values, strict=True))
        marked = {} if request.writes is None else {MARK: self.mark(draw)}
        return variables(self.population[draw.identity], drawn | marked)


async def prepare(
    loaded: LoadedScenario, database: Database, clock: Clock, observer: Observer, known: Known | None = None
) -> Prepared:
    """Make the identities, sign their tokens and read what they should get.

    Args:
        loaded: The scenario.
        database: The oracle's.
        clock: The run's clock.
        observer: Is told of each step.
        known: What is known from a run that this is a part of; None: it is one of its own.

    Raises:
        ScenarioError: PostgreSQL refuses SQL of the scenario.
        EnvironmentProblem: the oracle's database cannot be used, or would not show every row.
        UsageProblem: the key cannot be used, or there is no database to ask.
        NothingToCheck: the scenario's tables make no identity.
    """
    scenario = loaded.scenario
    expectations = Expectations(scenario)
    _needs_database(loaded, expectations)
    mint = Mint(scenario.target.jwt, loaded.folder, clock)
    await _refuse_wrong_sql(loaded, database, expectations)
    if scenario.target.database.get_secret_value():
        await database.write_as(scenario.stack.role)
    rows = await read_identities(database, scenario) if known is None else known.rows
    population = populate(scenario, rows)
    _refuse_nobody(loaded, population)
    authorizations = Authorizations(mint, population, clock)
    await authorizations.sign_all(_Steps(observer, clock, "tokens signed"))
    drift = Drift(clock)
    oracle = Oracle(database, scenario, population, expectations, drift.changed)
    await oracle.read_fixed(_Steps(observer, clock, "expected answers read"))
    writes = Writes(database, expectations, clock)
    await writes.begin()
    marks = Marks(secrets.token_hex(4) if known is None else known.run)
    naming = Naming(scenario.tables, population, marks)
    return Prepared(scenario, population, expectations, oracle, writes, mint, authorizations, marks, naming, drift)


class _Steps:
    """Tells how far a long step has come, every few seconds and at its end."""

    def __init__(self, observer: Observer, clock: Clock, what: str) -> None:
        self._observer = observer
        self._clock = clock
        self._what = what
        self._next = clock.now() + _TOLD_EVERY_S

    def __call__(self, done: int, of: int) -> None:
        if done == of:
            self._observer.step(f"{of:,} {self._what}")
        elif self._clock.now() >= self._next:
            self._next = self._clock.now() + _TOLD_EVERY_S
            self._observer.step(f"{done:,} of {of:,} {self._what}")


def _needs_database(loaded: LoadedScenario, expectations: Expectations) -> None:
    needed = any(expectation.query for _, _, expectation in expectations) or any(
        mix.from_ is not None for mix in loaded.scenario.identities
    )
    if needed and not loaded.scenario.target.database.get_secret_value():
        raise UsageProblem(
            "target.url is given but no database, and without one nobody knows the right answers",
            "Give --database (target.database): the DSN of a role that row security does not bind.",
        )


async def _refuse_wrong_sql(loaded: LoadedScenario, database: Database, expectations: Expectations) -> None:
    mistakes = await sql_mistakes(database, loaded.scenario, expectations)
    if mistakes:
        raise ScenarioError(
            Problem(loaded.place(*mistake.loc, offset=mistake.offset), f"PostgreSQL says: {mistake.message}")
            for mistake in mistakes
        )


def _refuse_nobody(loaded: LoadedScenario, population: Population) -> None:
    if not population:
        raise NothingToCheck(
            f"inconclusive: {loaded.place('identities', 0, 'from')}: no row is read, so nobody can ask for anything",
            "Run the statement by hand: is the table filled?",
        )
