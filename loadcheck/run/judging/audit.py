"""The audit: the tables that a run writes to, read straight from PostgreSQL and held against every write of the run."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.events import Draw, Exchange
from loadcheck.engine.share import WHOLE, Share
from loadcheck.judge.attribution import Standing, of_table, unknown_remover
from loadcheck.judge.holdings import Place
from loadcheck.judge.inspection import Discrepancy, Inspection, Sighting, Wrong
from loadcheck.judge.verdict import Verdict
from loadcheck.judge.writes import ABSENT, Look, Write
from loadcheck.oracle.database import Database
from loadcheck.oracle.marks import Mark
from loadcheck.oracle.written import WrittenTable
from loadcheck.run.interruption import Interruption
from loadcheck.run.judging.accounts import Accounts
from loadcheck.run.judging.canaries import Kind
from loadcheck.run.judging.following import Following, exchange_of
from loadcheck.run.judging.patience import INTERRUPTED, TRIES, Unseen, looked
from loadcheck.run.judging.suspicion import suspected
from loadcheck.run.observer import Observer
from loadcheck.scenario.model import Scenario

_UNKNOWN: Final = "the table {!r} could not be audited to the end: {}"


@dataclass(slots=True)
class Audit:
    """Audits what a process has written: each row of the run is judged by the share that wrote it, wherever it stands.

    Attributes:
        following: The model of what was written.
        database: A connection of its own: an audit of a large table must not keep the oracle waiting.
        found: Called with each write that is not as it should be, and the verdict.
        share: What this process writes; all by default.
    """

    scenario: Scenario
    following: Following
    database: Database
    clock: Clock
    observer: Observer
    found: Callable[[Exchange, Verdict], None]
    share: Share = WHOLE
    _audits: int = 0
    _rows: Counter[str] = field(default_factory=Counter)
    _undecided: Counter[str] = field(default_factory=Counter)
    _wrong: int = 0
    _unknown: dict[str, str] = field(default_factory=dict)
    _doubts: list[str] = field(default_factory=list)
    _told: set[tuple[object, ...]] = field(default_factory=set)

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
            except Unseen:
                self.observer.step("the tables could not be audited: it is tried again later")

    async def audit(self) -> None:
        """Hold every table against what was written.

        Raises:
            Unseen: a table cannot be read just now.
            EnvironmentProblem: what is wrong there cannot be recorded.
        """
        for table in self.following.tables:
            await self._audit(table, tries=1)
        self._audits += 1

    async def conclude(self, interruption: Interruption) -> bool:
        """Audit once more after the last answer, until the next signal; return whether it came to its end."""
        done = await interruption.until_signal(self._conclude())
        if not done:
            self._doubts.append(INTERRUPTED)
        return done

    def accounts(self) -> Accounts:
        """Return what came of the writes of this process."""
        following = self.following
        tables, now = [table.name for table in following.tables], self.clock.now()
        return Accounts(
            counts=following.counts,
            audits=self._audits,
            rows=self._rows.total(),
            undecided=self._undecided.total(),
            wrong=self._wrong,
            lost=following.holdings.lost,
            unanswered=Counter({table: following.holdings.unanswered(table, now) for table in tables}),
            last={table: last for table in tables if (last := self._last(table)) is not None},
            doubts=[*self._doubts, *(_UNKNOWN.format(table, why) for table, why in self._unknown.items() if why)],
        )

    async def _conclude(self) -> None:
        for table in self.following.tables:
            try:
                await self._audit(table, TRIES)
            except Unseen as unseen:
                self._doubts.append(f"the table {table.name!r} could not be audited: {unseen}")
        self._audits += bool(self.following.tables)

    async def _audit(self, table: WrittenTable, tries: int) -> None:
        """Look at a table until it can be done, and tell what is wrong there, which is never tried again."""
        found = await looked(partial(self._inspect, table), self.clock, tries)
        self._tell(table.name, await suspected(found, self.following.offset, self.following.ask))

    def _last(self, table: str) -> tuple[bool, Exchange] | None:
        reaching = self.following.holdings.reaching(Place(table, ""), -math.inf)
        last = reaching or self.following.last.get(table)
        return None if last is None else (reaching is not None, exchange_of(last, self.following.offset))

    async def _inspect(self, table: WrittenTable) -> Sequence[Discrepancy]:
        number, began = self.following.looking()
        found: list[Discrepancy] = []
        planted: set[Kind] = set()
        inspection: Inspection | None = None
        try:
            async for batch in table.ours(self.database, self.share.index, self.share.of):
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
        self._rows[table.name], self._undecided[table.name] = inspection.checked, inspection.undecided
        return found

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
        self._unknown[table] = ""
        for each in (*self._by_writer(foreign, found), *(one for one in found if one.wrong is not Wrong.FOREIGN)):
            write = each.expected or self.following.last.get(table)
            if write is not None and each.wrong is Wrong.GONE and write.value in elsewhere:
                self.following.holdings.accept(each.place, each.value, each.look, write)  # told by where it stands
            elif each.doubt:
                self._unknown[table] = unknown_remover(each.doubt)
            elif write is not None:
                key, exchange = (table, each.place, each.value), exchange_of(write, self.following.offset)
                self._tell_once(key, exchange, each, standing)

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
        self._wrong += 1
        if found.wrong in {Wrong.GONE, Wrong.STALE}:
            self.following.holdings.accept(found.place, found.value, found.look, found.expected)
        self.found(exchange, of_table(found, standing))
