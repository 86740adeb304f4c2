"""The audit: the tables that a run writes to, read straight from PostgreSQL and held against every write of the run."""

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import asyncpg

from loadcheck.clock import Clock
from loadcheck.engine.events import Draw, Exchange
from loadcheck.errors import LoadcheckError, UsageProblem
from loadcheck.judge.attribution import Standing, of_table
from loadcheck.judge.holdings import LINGERS_S, Place
from loadcheck.judge.inspection import Discrepancy, Inspection, Sighting, Wrong
from loadcheck.judge.judge import violation
from loadcheck.judge.verdict import Symptom, Verdict
from loadcheck.judge.writes import ABSENT, Ended, Look, Write
from loadcheck.oracle.database import GONE, Database, sql_problem
from loadcheck.oracle.durability import switched_off
from loadcheck.oracle.marks import Mark
from loadcheck.oracle.written import Fingerprint, WrittenTable
from loadcheck.record.stored import StoredWrites
from loadcheck.run.judging.canaries import Kind
from loadcheck.run.judging.following import Following, exchange_of
from loadcheck.run.observer import Observer
from loadcheck.scenario.fault import FaultKind
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.writes import Does

_OFF: Final = "PostgreSQL runs with {} = off: a crash of it loses writes that it has acknowledged"
_TRIES: Final = 20
_RETRY_S: Final = 1.0
_FAILURES: Final = (LoadcheckError, asyncpg.PostgresError, *GONE)


@dataclass(slots=True)
class Audit:
    """Audits the tables of a run, and cleans them up.

    Attributes:
        following: The model of what was written.
        database: A connection of its own: an audit of a large table must not keep the oracle waiting.
        alone: Whether nobody else can have written to the database.
        found: Called with each write that is not as it should be, and the verdict.
        audits: How many audits there were.
        rows: How many rows the last one has held against the model.
        undecided: How many more it did not find, which only writes whose answers were lost can have removed.
        wrong: How many rows were not as they should be.
        doubts: Why the tables could not be audited to the end.
        drift: What somebody else may have done to the tables.
        left: What could not be cleaned up, or may come after that.
        notes: What losses may come from.
    """

    scenario: Scenario
    following: Following
    database: Database
    clock: Clock
    observer: Observer
    alone: bool
    found: Callable[[Exchange, Verdict], None]
    audits: int = 0
    rows: int = 0
    undecided: int = 0
    wrong: int = 0
    doubts: list[str] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _before: dict[str, Fingerprint] = field(default_factory=dict)
    _told: set[tuple[object, ...]] = field(default_factory=set)

    async def begin(self) -> None:
        """Take the fingerprint of what is there before the first write.

        Raises:
            UsageProblem: a table is not as the scenario describes it, or its writers have rows already.
            EnvironmentProblem: the database cannot be read.
        """
        for table in self.following.tables:
            try:
                await table.check(self.database)
                await self._refuse_strangers(table)
                self._before[table.name] = await table.others(self.database)
            except asyncpg.PostgresError as error:
                raise UsageProblem(
                    f"the table {table.name!r} is not as tables.{table.name} describes it: {sql_problem(error)}",
                    "Nothing was sent. Name its columns under `tables`: mark, owner, and key if it has one.",
                ) from None

    async def run(self) -> None:
        """Settle what is put aside, and audit every so often, for as long as it runs."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.following.settle(self.database))
            tasks.create_task(self.watch())

    async def watch(self) -> None:
        """Audit every so often, as the scenario asks, for as long as it runs."""
        while self.scenario.audit is not None:
            await self.clock.sleep(self.scenario.audit)
            try:
                await self.audit()
            except _FAILURES:
                self.observer.step("the tables could not be audited: it is tried again later")

    async def conclude(self) -> None:
        """Audit once more after the last answer, and see whether anything else was touched."""
        for table in self.following.tables:
            for left in reversed(range(_TRIES)):
                try:
                    await self._inspect(table)
                    await self._compare(table)
                    break
                except _FAILURES as error:
                    if not left:
                        self.doubts.append(f"the table {table.name!r} could not be audited: {_why(error)}")
                    await self.clock.sleep(_RETRY_S if left else 0)
        self.audits += bool(self.following.tables)
        if self.following.holdings.lost and self._may_have_crashed():
            with suppress(*_FAILURES):
                self.notes += [_OFF.format(name) for name in await switched_off(self.database)]

    async def audit(self) -> None:
        """Hold every table against what was written.

        Raises:
            LoadcheckError, asyncpg.PostgresError, OSError: a table cannot be read just now.
        """
        for table in self.following.tables:
            await self._inspect(table)
        self.audits += 1

    async def clean_up(self) -> None:
        """Delete the rows that the run has written, and tell what could not be deleted."""
        dsn = self.scenario.target.database.get_secret_value()
        tables = self.following.tables[::-1]
        for at, table in enumerate(tables):
            try:
                deleted = await table.clear(dsn)
            except _FAILURES as error:
                self._leave(table, _why(error))
            except asyncio.CancelledError:
                for each in tables[at:]:
                    self._leave(each, "interrupted")
                raise
            else:
                self.observer.step(f"{deleted:,} rows of this run deleted from {table.name}")
                self._foretell(table)

    def _foretell(self, table: WrittenTable) -> None:
        if coming := self._coming(table):
            self._tell_left(f"rows of this run may yet come to {table.name} ({coming}); after that: {table.clearing}")

    def _leave(self, table: WrittenTable, why: str) -> None:
        coming = self._coming(table)
        whole, then = (f"{why}, and {coming}", f"after that: {table.clearing}") if coming else (why, table.clearing)
        self._tell_left(f"rows of this run are left in {table.name} ({whole}); {then}")

    def _coming(self, table: WrittenTable) -> str:
        """Return which writes may still happen, where what they write to outlives the run; empty when none may."""
        unanswered = self.following.holdings.unanswered(table.name, self.clock.now())
        if self.alone or not unanswered:
            return ""
        return f"{unanswered:,} of its writes were not answered, and may still happen for {LINGERS_S:.0f} s"

    def _tell_left(self, told: str) -> None:
        """Tell it at once as well: a run that cannot go on has no report."""
        self.left.append(told)
        self.observer.step(told)

    def figures(self) -> StoredWrites | None:
        """Return what summary.json tells; None where nothing is followed."""
        if not self.following.tables:
            return None
        counts = self.following.counts
        open_ones = self.undecided + len(self.following.holdings.lost)
        return {
            "acknowledged": counts[Ended.ACKNOWLEDGED],
            "accounted": counts[Ended.ACKNOWLEDGED] - open_ones if self.audits and not self.doubts else 0,
            "refused": counts[Ended.REFUSED],
            "unknown": counts[Ended.UNKNOWN],
            "audits": self.audits,
            "rows": self.rows,
            "undecided": self.undecided,
            "wrong": self.wrong,
            "doubts": list(self.doubts),
            "drift": list(self.drift),
            "left": list(self.left),
            "notes": list(self.notes),
        }

    async def _refuse_strangers(self, table: WrittenTable) -> None:
        """Writers with rows of their own from before would have them changed, and nobody could tell rightly or not."""
        changing = [
            request
            for request in self.scenario.requests
            if request.writes is not None and request.writes.table == table.name and request.does is not Does.INSERT
        ]
        mixes = [mix for mix in self.scenario.identities if any(self.scenario.applies(each, mix) for each in changing)]
        owners = self.following.naming.owners(table.name, {self.scenario.identities.index(mix) for mix in mixes})
        rows = await table.strangers(self.database, owners)
        if rows:
            raise UsageProblem(
                f"identities of the scenario own {rows:,} rows of {table.name} that this run has not written, "
                "and it would change or delete them",
                "Nothing was sent. Give the scenario identities of their own, or delete these rows first.",
            )

    def _may_have_crashed(self) -> bool:
        return not self.alone or any(fault.do is FaultKind.POSTGRES_CRASH for fault in self.scenario.faults)

    async def _inspect(self, table: WrittenTable) -> None:
        number, began = self.following.looking()
        found: list[Discrepancy] = []
        planted: set[Kind] = set()
        inspection: Inspection | None = None
        try:
            async for batch in table.ours(self.database):
                if inspection is None:
                    inspection = self._inspection(table, began)
                sightings = [self.following.naming.in_table(table.name, row) for row in batch]
                judged = [inspection.add(each, each.owner) for each in sightings]
                found += filter(None, judged)
                rights = (each for each, wrong in zip(sightings, judged, strict=True) if wrong is None)
                self._plant(table.name, rights, planted)
            inspection = inspection or self._inspection(table, began)
            for owner, _ in self.following.holdings.everything(table.name):
                found += inspection.missing(owner)
        finally:
            self.following.holdings.looked(number, self.clock.now())
            self.following.holdings.tidy(self.clock.now())
        self.rows, self.undecided = inspection.checked, inspection.undecided
        self._tell(table.name, found)

    def _plant(self, table: str, sightings: Iterable[Sighting], planted: set[Kind]) -> None:
        """Plant a canary with one row of each request and claim mix: its answers may not have shown any."""
        population = self.following.population
        for each in sightings:
            if each.mark is not None and each.owner is not None:
                kind = each.mark.request, population[each.mark.identity].mix
                if kind not in planted:
                    planted.add(kind)
                    self.following.plant(kind, table, [each], each.owner)

    def _inspection(self, table: WrittenTable, began: float) -> Inspection:
        look = Look(began, self.clock.now())
        return Inspection(self.following.holdings, self.following.naming, table.name, look)

    def _tell(self, table: str, found: Sequence[Discrepancy]) -> None:
        naming = self.following.naming
        foreign = [each for each in found if each.wrong is Wrong.FOREIGN]
        self.following.holdings.lost |= {each.value for each in foreign} - {ABSENT}
        elsewhere = {each.value: naming.identity_of(table, each.place.owner) for each in foreign}
        standing = Standing(found, elsewhere=elsewhere)
        for each in (*self._by_writer(foreign, found), *(one for one in found if one.wrong is not Wrong.FOREIGN)):
            write = each.expected or self.following.last.get(table)
            if write is not None and each.wrong is Wrong.GONE and write.value in elsewhere:
                self.following.holdings.accept(each.place, each.value, each.look, write)  # told by where it stands
                continue
            if write is None:
                continue
            self._tell_once((table, each.place, each.value), exchange_of(write, self.following.offset), each, standing)

    def _by_writer(self, foreign: Sequence[Discrepancy], found: Sequence[Discrepancy]) -> Iterator[Discrepancy]:
        """Yield rows that stand among another's with the write that made them."""
        missing = {each.expected.draw.seq: each.expected for each in found if each.expected is not None}
        for each in foreign:
            mark = None if each.sighting is None else each.sighting.mark
            if mark is not None:
                yield replace(each, expected=missing.get(mark.seq) or self._write(each.place.table, mark))

    def _write(self, table: str, mark: Mark) -> Write:
        """Return the write that a mark tells of; what is not followed any more has lost its values."""
        holdings = self.following.holdings
        owner = self.following.naming.owner_of(table, mark.identity) or ""
        request = self.scenario.requests[mark.request]
        draw = Draw(mark.seq, mark.request, mark.identity, ("?",) * len(request.vars))
        known = holdings.find(table, owner, mark.seq) or holdings.refused(mark.seq)
        now = self.clock.now()
        return known or Write(draw, request.does or self.following.last[table].does, now, now)

    def _tell_once(self, key: tuple[object, ...], exchange: Exchange, found: Discrepancy, standing: Standing) -> None:
        if key in self._told:
            return
        self._told.add(key)
        self.wrong += 1
        if found.wrong in {Wrong.GONE, Wrong.STALE}:
            self.following.holdings.accept(found.place, found.value, found.look, found.expected)
        self.found(exchange, of_table(found, standing))

    async def _compare(self, table: WrittenTable) -> None:
        """Tell whether rows that the run did not write are as they were."""
        before, after = self._before[table.name], await table.others(self.database)
        if before == after:
            return
        reaching = self.following.holdings.reaching(Place(table.name, ""), -math.inf)
        last = reaching or self.following.last.get(table.name)
        counts = f"{before.count:,} before, {after.count:,} now"
        what = f"rows of {table.name} that this run did not write have changed: {counts}"
        if not self.alone or last is None:
            self.drift.append(f"{what}; somebody else may have written to them")
            return
        self.wrong += 1
        self.found(exchange_of(last, self.following.offset), violation(Symptom.CROSS_WRITE, what))


def _why(error: BaseException) -> str:
    if isinstance(error, LoadcheckError):
        return error.message
    return sql_problem(error) if isinstance(error, asyncpg.PostgresError) else type(error).__name__
