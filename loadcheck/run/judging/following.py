"""Following what a run writes: every exchange that writes or reads such rows, held against the model of them."""

import asyncio
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

import asyncpg

from loadcheck.clock import Clock
from loadcheck.engine.events import Answer, Draw, Exchange
from loadcheck.errors import LoadcheckError
from loadcheck.judge.attribution import Standing, never_looked, of_answer, weightiest
from loadcheck.judge.holdings import Holdings, Place
from loadcheck.judge.inspection import Discrepancy, Inspection, Sighting, Wrong
from loadcheck.judge.judge import unknown, unsettled
from loadcheck.judge.verdict import Ruling, Symptom, Verdict
from loadcheck.judge.writes import ABSENT, Ended, Look, Write, ended
from loadcheck.oracle.database import GONE, Database
from loadcheck.oracle.marks import Mark
from loadcheck.oracle.rows import as_rows, parse
from loadcheck.oracle.written import WrittenTable
from loadcheck.run.judging.canaries import Canaries, Kind
from loadcheck.run.judging.naming import keyless
from loadcheck.run.judging.suspicion import Ask, no_others, suspected
from loadcheck.run.preparing.preparation import Prepared
from loadcheck.scenario.placeholders import Template
from loadcheck.scenario.request import Request
from loadcheck.scenario.writes import Does

_WAITING: Final = 5_000
_WITH_CONTENT: Final = frozenset({200, 206})


@dataclass(frozen=True, slots=True)
class _Access:
    """What a request has to do with rows that the run writes.

    Attributes:
        table: Which table.
        does: What it does to them; None when it reads them.
        row: The template of the one row's key; None for all rows of the identity.
    """

    table: str
    does: Does | None
    row: Template | None


@dataclass(frozen=True, slots=True)
class _Disputed:
    exchange: Exchange
    place: Place
    found: Sequence[Discrepancy]
    nobody: bool


class Following:
    """Keeps the model of what each identity may have, and settles answers that disagree with it.

    Args:
        prepared: The scenario, its identities and the marks.
        clock: The run's clock.
        canaries: Where rows go that are held against another owner on purpose.
        give: Called with each exchange that was put aside, and its verdict.

    Attributes:
        population: Who writes.
        holdings: The model.
        naming: Whose rows are whose.
        tables: The tables that are written to.
        concerns: For each request, whether it writes or reads such rows; of the others nothing need be told.
        counts: How many writes ended how.
        offset: What this clock shows when the run's own time is 0.
        last: The last write to each table.
        ask: Asks the other processes that write, where there are any.
    """

    def __init__(
        self, prepared: Prepared, clock: Clock, canaries: Canaries, give: Callable[[Exchange, Verdict], None]
    ) -> None:
        scenario = prepared.scenario
        self._prepared = prepared
        self._clock = clock
        self._canaries = canaries
        self._give = give
        self._access = [_access(request) for request in scenario.requests]
        self.concerns = [access is not None for access in self._access]
        self._places: dict[int, Place] = {}
        self._numbers = count(-1, -1)
        self._disputes: asyncio.Queue[_Disputed] = asyncio.Queue()
        self._told: OrderedDict[tuple[object, ...], Verdict] = OrderedDict()
        self.population = prepared.population
        self.holdings = Holdings()
        self.naming = prepared.naming
        self.tables = [WrittenTable(name, table, prepared.marks) for name, table in scenario.tables.items()]
        self.counts: Counter[Ended] = Counter()
        self.offset = 0.0
        self.last: dict[str, Write] = {}
        self.ask: Ask = no_others

    def started(self, at: float) -> None:
        """Take note of what this clock showed as the run began."""
        self.offset = at

    def sending(self, draw: Draw) -> None:
        """Follow a draw from its sending."""
        access = self._access[draw.request]
        if access is None:
            return
        place, now = self._place(access, draw), self._clock.now()
        self._places[draw.seq] = place
        if access.does is None:
            self.holdings.look(draw.seq, now)
        else:
            self.last[place.table] = write = Write(draw, access.does, now)
            self.holdings.send(place, write)

    def judged(self, exchange: Exchange, verdict: Verdict) -> Verdict | None:
        """Return the verdict on an exchange; None when it is put aside until the table was looked at."""
        access = self._access[exchange.draw.request]
        if access is None:
            return verdict
        now = self._clock.now()
        place = self._places.pop(exchange.draw.seq)
        found = self._read(exchange, place, now) if access.does is None else self._written(exchange, place, now)
        if verdict.ruling is Ruling.OK and isinstance(found, Verdict):
            verdict = found
        elif verdict.ruling is Ruling.OK and found and not isinstance(found, Verdict):
            self._put_aside(_Disputed(exchange, place, found, self._owner(exchange.draw, place.table) is None))
            return None
        self.holdings.tidy(now)
        return verdict

    async def settle(self, database: Database) -> None:
        """Settle what was put aside, for as long as it runs."""
        while True:
            disputed = await self._disputes.get()
            try:
                verdict = await self._settled(disputed, database)
            except asyncio.CancelledError:
                self._give(disputed.exchange, never_looked("the run ended"))
                raise
            self._give(disputed.exchange, verdict)
            self._disputes.task_done()

    async def settled(self) -> None:
        """Wait until nothing is put aside any more."""
        await self._disputes.join()

    def abandon(self) -> None:
        """Deliver what is still put aside as unknown."""
        while not self._disputes.empty():
            self._give(self._disputes.get_nowait().exchange, never_looked("the run ended"))
            self._disputes.task_done()

    def plant(self, kind: Kind, table: str, sightings: Iterable[Sighting], owner: str) -> None:
        """Judge rows that are right where they are as if another owner had found them, if there is one.

        Args:
            kind: The request and the claim mix that the canary is for.
            table: Where the rows are; at least one was written by this run.
            sightings: The rows.
            owner: Whose they are.
        """
        another = self.naming.another(table, owner)
        if another is not None:
            now = self._clock.now()
            inspection = Inspection(self.holdings, self.naming, table, Look(now, now))
            self._canaries.plant(
                kind, caught=all(inspection.add(each, another) for each in sightings if each.mark is not None)
            )

    def looking(self) -> tuple[int, float]:
        """Begin a look of our own; return its number, and when it began."""
        number, now = next(self._numbers), self._clock.now()
        self.holdings.look(number, now)
        return number, now

    def _read(self, exchange: Exchange, place: Place, now: float) -> list[Discrepancy] | Verdict:
        look = self.holdings.looked(exchange.draw.seq, now)
        if exchange.answer is None or exchange.answer.status not in _WITH_CONTENT:
            return []
        rows = _rows(exchange.answer)
        if not self.naming.shows_mark(place.table, rows):
            return unknown("the answer does not show the columns by which the run's rows are told apart")
        return self._inspect(exchange.draw, place, rows, look, whole=True)

    def _written(self, exchange: Exchange, place: Place, now: float) -> list[Discrepancy]:
        answer, sent = exchange.answer, self.holdings.began(exchange.draw.seq)
        how = ended(answer)
        self.counts[how] += 1
        self.holdings.end(exchange.draw.seq, how, now, exchange)
        rows = _rows(answer) if answer is not None and how is Ended.ACKNOWLEDGED else []
        if not self.naming.shows_mark(place.table, rows):
            return []
        return self._inspect(exchange.draw, place, rows, Look(sent, now), whole=False)

    def _inspect(self, draw: Draw, place: Place, rows: Sequence[Any], look: Look, *, whole: bool) -> list[Discrepancy]:
        owner = self._owner(draw, place.table)
        inspection = Inspection(self.holdings, self.naming, place.table, look)
        sightings = [self.naming.in_answer(place.table, row) for row in rows]
        found = list(filter(None, [inspection.add(each, owner) for each in sightings]))
        missing = list(inspection.missing(owner, place.key)) if whole and owner is not None else []
        kind = draw.request, self.population[draw.identity].mix
        marked = any(each.mark is not None for each in sightings)
        if owner is not None and marked and not (found or missing) and self._canaries.due(kind):
            self.plant(kind, place.table, sightings, owner)
        return [*found, *missing]

    def _put_aside(self, disputed: _Disputed) -> None:
        if self._disputes.qsize() < _WAITING:
            self._disputes.put_nowait(disputed)
        else:
            self._give(disputed.exchange, unsettled("there were more wrong answers than could be looked at again"))

    async def _settled(self, disputed: _Disputed, database: Database) -> Verdict:
        found = weightiest(disputed.found)
        try:
            standing = Standing() if disputed.nobody else await self._standing(disputed, database)
        except LoadcheckError as problem:
            return never_looked(problem.message)
        except (asyncpg.PostgresError, *GONE) as error:
            return never_looked(type(error).__name__)
        told = found.place, found.value, None if found.expected is None else found.expected.draw.seq
        if told not in self._told:
            found, *wrong = await suspected([found, *standing.wrong], self.offset, self.ask)
            standing = replace(standing, wrong=wrong)
        verdict = self._told.get(told) or of_answer(found, standing)
        if verdict.ruling is Ruling.UNKNOWN:
            return verdict  # what was not told is found again by the next look
        if verdict.symptom in {Symptom.CROSS_WRITE, Symptom.LOST_WRITE}:
            self._remember(told, verdict)
        if found.wrong is Wrong.FOREIGN and found.value != ABSENT and verdict.symptom is Symptom.CROSS_WRITE:
            self.holdings.lost.add(found.value)
        stands = [each for each in standing.wrong if each.place == found.place and each.value == found.value]
        for each in stands:
            if each.wrong in {Wrong.GONE, Wrong.STALE}:
                self.holdings.accept(each.place, each.value, each.look, each.expected)
        return verdict

    def _remember(self, told: tuple[object, ...], verdict: Verdict) -> None:
        """Answers that were under way when a discrepancy was told, and accepted, show the same one."""
        self._told[told] = verdict
        if len(self._told) > _WAITING:
            self._told.popitem(last=False)

    async def _standing(self, disputed: _Disputed, database: Database) -> Standing:
        """Look at the table: at the rows of the one owner, and for those that the owner misses."""
        table = next(table for table in self.tables if table.name == disputed.place.table)
        owner = disputed.place.owner
        sought = {each.expected.draw.seq: self._mark(each.expected) for each in disputed.found if each.expected}
        number, began = self.looking()
        try:
            rows = await table.of(database, owner, sought.values())
            look = Look(began, self._clock.now())
            inspection = Inspection(self.holdings, self.naming, table.name, look)
            sightings = [self.naming.in_table(table.name, row) for row in rows]
            wrong = [inspection.add(each, owner) for each in sightings if each.owner == owner]
            missing = list(inspection.missing(owner, disputed.place.key))
        finally:
            self.holdings.looked(number, self._clock.now())
        elsewhere = {
            each.mark.seq: self.naming.identity_of(table.name, each.owner or "")
            for each in sightings
            if each.owner != owner and each.mark is not None
        }
        present = frozenset(each.mark.seq for each in sightings if each.owner == owner and each.mark is not None)
        return Standing([*filter(None, wrong), *missing], present, elsewhere)

    def _mark(self, write: Write) -> str:
        draw = write.draw
        return self._prepared.marks.text(Mark(draw.request, draw.identity, draw.seq))

    def _owner(self, draw: Draw, table: str) -> str | None:
        return self.naming.owner_of(table, draw.identity)

    def _place(self, access: _Access, draw: Draw) -> Place:
        owner = self._owner(draw, access.table) or ""
        if access.row is not None:
            return Place(access.table, owner, access.row.fill(self._prepared.variables(draw)))
        return Place(access.table, owner, keyless(draw.seq) if access.does is Does.INSERT else None)


def exchange_of(write: Write, offset: float) -> Exchange:
    """Return what is known of a write's exchange when it is long over.

    Args:
        write: The write.
        offset: What the model's clock shows when the run's own time is 0.
    """
    sent = write.sent - offset
    done = sent if math.isinf(write.done) else write.done - offset
    answer = Answer(write.status, {}, b"") if write.status else None
    return Exchange(write.draw, write.phase, sent, sent, done, answer)


def _access(request: Request) -> _Access | None:
    written = request.writes or request.expect.written
    if written is None:
        return None
    return _Access(written.table, request.does, Template(written.row) if written.row else None)


def _rows(answer: Answer) -> list[Any]:
    try:
        return as_rows(parse(answer.body)) if answer.body else []
    except ValueError:
        return []
