"""The oracle: knows the right answer to every exchange, read straight from PostgreSQL."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

import asyncpg

from loadcheck.errors import EnvironmentProblem, UsageProblem
from loadcheck.identity.population import Population, bindings, variables
from loadcheck.oracle.caller import Caller
from loadcheck.oracle.database import GONE, Away, Connection, Database, sql_problem
from loadcheck.oracle.expectation import Expectation, Expectations
from loadcheck.oracle.query import Bindings, Query, Raw, as_written
from loadcheck.oracle.truth import Reading, Truth, reading_of, truth_of
from loadcheck.oracle.truths import Question, Truths
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.placeholders import fill_value

_BATCH: Final = 1_000
_AS_IDENTITY_AT_ONCE: Final = 8
_TRIES: Final = 60  # half a minute, in which a server has restarted
_RECONNECT_S: Final = 0.5
_UNREAD: Final = (
    "Run the scenario's SQL with these claims bound as text; a cast such as :id::int may be missing or fail."
)
_ADVICE: Final[Mapping[type[Exception], str]] = {
    # Many are read at once, each bound name a column: an aggregate over nothing else would be one over them all.
    asyncpg.GroupingError: (
        "An aggregate cannot hold a bound name alone, as count(:n) does: have a column of its table in it, too."
    ),
    asyncpg.InsufficientPrivilegeError: (
        "Give --database a role that may read this and that row security does not bind: the tables' owner, or one "
        "with BYPASSRLS."
    ),
}


@dataclass(slots=True, unsafe_hash=True)
class Asked:
    """A question of the oracle's own."""

    request: int
    identity: int
    values: tuple[Scalar, ...] = ()


class Oracle:
    """Expected answers, read before an exchange is sent and, where it disagrees, again after it was answered.

    Args:
        database: Where they are read; not used when no expectation needs it.
        scenario: The scenario.
        population: Its identities.
        expectations: What it expects, compiled.
        changed: Told of each truth that is found changed since it was read, of those that depend on no drawn variable:
            the index of its request.

    Attributes:
        requests_with_rows: Indexes of the requests for which at least one expected row was read.
    """

    def __init__(
        self,
        database: Database,
        scenario: Scenario,
        population: Population,
        expectations: Expectations,
        changed: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._away = False
        self._changed = changed
        self._database = database
        self._scenario = scenario
        self._population = population
        self._expectations = expectations
        self._truths = Truths(len(scenario.requests), len(population))
        self._as_identity_slots = asyncio.Semaphore(_AS_IDENTITY_AT_ONCE)
        postgrest = scenario.stack.postgrest
        self._caller = Caller(postgrest)
        self.requests_with_rows: set[int] = set()
        self._pre_request = str(postgrest["db-pre-request"]) if postgrest.get("db-pre-request") else None

    def truth(self, question: Question) -> Truth | None:
        """Return the truth that was read ahead; None when the expectation needs none."""
        truth = self._truths.fixed[question.request][question.identity]
        if truth is not None:
            return truth
        return self._truths.drawn(question) if self._expectation(question).drawn else None

    async def read_fixed(self, progress: Callable[[int, int], None]) -> None:
        """Read every truth that does not depend on drawn variables.

        Args:
            progress: Told how many are read, and of how many.

        Raises:
            EnvironmentProblem: the database cannot be read.
            UsageProblem: the scenario's SQL fails for an identity.
        """
        questions = list(self._fixed())
        for start in range(0, len(questions), _BATCH):
            await self.prepare(questions[start : start + _BATCH])
            progress(min(start + _BATCH, len(questions)), len(questions))

    def changeable(self) -> Iterator[Asked]:
        """Yield a question for each truth that others may change and that no drawn variable decides."""
        return self._fixed(lambda expectation: expectation.query is not None)

    async def refresh(self, questions: Sequence[Question]) -> None:
        """Read truths anew; those that are as they were stay the same objects, so that nothing is kept twice."""
        for question, raw in zip(questions, await self._read(questions), strict=True):
            truth, known = truth_of(*raw), self.truth(question)
            if known is None or not known.agrees(truth):
                self._keep(question, truth)

    async def prepare(self, questions: Sequence[Question]) -> None:
        """Read the truths that are not known yet, so that every question has its truth before it is sent."""
        missing = [
            question
            for question in questions
            if self.truth(question) is None and self._expectation(question).needs_truth
        ]
        for question, raw in zip(missing, await self._read(missing), strict=True):
            self._keep(question, truth_of(*raw))

    async def read_again(self, questions: Sequence[Question]) -> list[Reading]:
        """Read truths anew, rows and all, and keep them from now on; in the order of the questions."""
        readings = [reading_of(*raw) for raw in await self._read(questions)]
        for question, reading in zip(questions, readings, strict=True):
            self._keep(question, reading.truth)
        return readings

    async def neighbours(self, question: Question) -> list[tuple[int, Truth]]:
        """Return every identity's truth for the same request and the same drawn values."""
        if not self._expectation(question).drawn:
            return list(self._truths.of_request(question.request))
        known = [(one, self.truth(one)) for one in self._everyone(question)]
        read = iter(await self._read_once([one for one, truth in known if truth is None]))
        return [(one.identity, next(read) if truth is None else truth) for one, truth in known]

    async def neighbours_again(self, question: Question) -> list[tuple[int, Truth]]:
        """Return the same, read anew."""
        asked = self._everyone(question)
        if self._expectation(question).drawn:
            truths = await self._read_once(asked)
        else:
            truths = [reading.truth for reading in await self.read_again(asked)]
        return [(one.identity, truth) for one, truth in zip(asked, truths, strict=True)]

    def as_identity(self, identity: int) -> AbstractAsyncContextManager[Connection]:
        """Return what yields a fresh connection in a transaction set up as PostgREST sets up an identity's.

        Raises:
            UsageProblem: nothing gives the identity a role.
        """
        claims = self._caller.claims(self._population[identity])
        return self._database.as_identity(
            json.dumps(claims), str(claims["role"]), self._caller.search_path, self._pre_request
        )

    def _everyone(self, question: Question) -> list[Asked]:
        return [
            Asked(question.request, identity.index, question.values)
            for mix in range(len(self._scenario.identities))
            if (expectation := self._expectations.get(question.request, mix)) is not None and expectation.expects_rows
            for identity in self._population.of_mix(mix)
        ]

    def _fixed(self, which: Callable[[Expectation], bool] = lambda _: True) -> Iterator[Asked]:
        for request, mix, expectation in self._expectations:
            if expectation.needs_truth and not expectation.drawn and which(expectation):
                yield from (Asked(request, identity.index) for identity in self._population.of_mix(mix))

    def _expectation(self, question: Question) -> Expectation:
        return self._expectations.of(question.request, self._population[question.identity].mix)

    def _keep(self, question: Question, truth: Truth) -> None:
        if truth.rows:
            self.requests_with_rows.add(question.request)
        if self._expectation(question).drawn:
            self._truths.keep_drawn(question, truth)
            return
        known = self._truths.fixed[question.request][question.identity]
        self._truths.keep_fixed(question, truth)
        if known is not None and not known.agrees(truth):
            self._changed(question.request)

    async def _read_once(self, questions: Sequence[Question]) -> list[Truth]:
        """Read truths and do not keep them: everybody's, for one draw, would push out what is about to be sent."""
        return [truth_of(*raw) for raw in await self._read(questions)]

    async def _read(self, questions: Sequence[Question]) -> list[Raw]:
        """Read in as few statements as there are expectations; in the order of the questions."""
        grouped: dict[tuple[int, int], list[int]] = defaultdict(list)
        for at, question in enumerate(questions):
            grouped[question.request, self._population[question.identity].mix].append(at)
        raw: dict[int, Raw] = {}
        for (request, mix), places in grouped.items():
            group = [questions[at] for at in places]
            raw.update(zip(places, await self._read_group(self._expectations.of(request, mix), group), strict=True))
        return [raw[at] for at in range(len(questions))]

    async def _read_group(self, expectation: Expectation, group: Sequence[Question]) -> list[Raw]:
        query = expectation.query
        if query is None:
            return [self._literal(expectation, question) for question in group]
        try:
            reader = self._read_as_identities if query.as_identity else self._read_batch
            read = await self._reconnecting(lambda: reader(query, group))
        except asyncpg.PostgresError as error:
            raise self._failed(group[0], error) from None
        return [(rows, expectation.count if total is None else total, version) for rows, total, version in read]

    def _literal(self, expectation: Expectation, question: Question) -> Raw:
        if expectation.literal is None:
            return "[]", expectation.count, ""
        rows = fill_value(expectation.literal, variables(self._population[question.identity], self._drawn(question)))
        return json.dumps(rows), expectation.count, ""

    async def _read_batch(self, query: Query, group: Sequence[Question]) -> list[Raw]:
        """Read many at once, and each different set of bindings only once."""
        asked = [query.select(self._bindings(question)) for question in group]
        different = list(dict.fromkeys(asked))
        known: dict[Bindings, Raw] = {}
        for start in range(0, len(different), _BATCH):
            batch = different[start : start + _BATCH]
            async with self._database.reading() as connection:
                known.update(zip(batch, await query.run(connection, batch), strict=True))
        return [known[one] for one in asked]

    async def _read_as_identities(self, query: Query, group: Sequence[Question]) -> list[Raw]:
        asked = [(question.identity, query.select(self._bindings(question))) for question in group]
        different = dict(zip(asked, group, strict=True))
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = {
                    key: tasks.create_task(self._read_as_identity(query, question))
                    for key, question in different.items()
                }
        except* (EnvironmentProblem, asyncpg.PostgresError, *GONE) as failed:
            first = failed.exceptions[0]
        else:
            return [reading[key].result() for key in asked]
        raise first

    async def _read_as_identity(self, query: Query, question: Question) -> Raw:
        async with self._as_identity_slots, self.as_identity(question.identity) as connection:
            (raw,) = await query.run(connection, [query.select(self._bindings(question))])
            return raw

    def _bindings(self, question: Question) -> Mapping[str, str | None]:
        return bindings(self._population[question.identity], self._drawn(question))

    def _drawn(self, question: Question) -> dict[str, Scalar]:
        # A question of the oracle's own may come without values: then the expectation does not look at them.
        return dict(zip(self._scenario.requests[question.request].vars, question.values, strict=False))

    def _failed(self, question: Question, error: asyncpg.PostgresError) -> UsageProblem:
        request = self._scenario.requests[question.request].name
        return UsageProblem(
            f"the expected rows of request {request!r} cannot be read for "
            f"{self._population[question.identity].label}: {as_written(sql_problem(error))}",
            _ADVICE.get(type(error), _UNREAD),
        )

    async def _reconnecting(self, read: Callable[[], Awaitable[list[Raw]]]) -> list[Raw]:
        """Read; when the connection is lost, again on a new one for half a minute, or just once while it stays away."""
        for left in reversed(range(1 if self._away else _TRIES)):
            try:
                raw = await read()
            except (Away, *GONE) as error:
                if not left:
                    self._away = True
                    raise _gone(error) from None
                await asyncio.sleep(_RECONNECT_S)
            else:
                self._away = False
                return raw
        raise AssertionError("there is at least one try")


def _gone(error: BaseException) -> EnvironmentProblem:
    if isinstance(error, Away):
        return error
    return EnvironmentProblem(
        f"the oracle lost its connection again and again ({type(error).__name__})",
        "Check that the database stays up during the run and lets the oracle's role connect.",
    )
