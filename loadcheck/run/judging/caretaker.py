"""The caretaker of the tables that a run writes to: what it does once, however many processes send the load."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import asyncpg

from loadcheck.clock import Clock
from loadcheck.engine.events import Exchange
from loadcheck.errors import UsageProblem
from loadcheck.judge.holdings import LINGERS_S
from loadcheck.judge.judge import violation
from loadcheck.judge.verdict import Symptom, Verdict
from loadcheck.judge.writes import Ended
from loadcheck.oracle.database import Database, sql_problem
from loadcheck.oracle.durability import switched_off
from loadcheck.oracle.written import Fingerprint, WrittenTable
from loadcheck.record.stored import StoredWrites
from loadcheck.run.interruption import Interruption
from loadcheck.run.judging.accounts import Accounts
from loadcheck.run.judging.naming import Naming
from loadcheck.run.judging.patience import FAILURES, INTERRUPTED, TRIES, Unseen, looked, why
from loadcheck.run.observer import Observer
from loadcheck.scenario.fault import FaultKind
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.writes import Does

_OFF: Final = "PostgreSQL runs with {} = off: a crash of it loses writes that it has acknowledged"


@dataclass(slots=True)
class Caretaker:
    """Sees that the tables are as described before the run and otherwise untouched after it, and cleans them up.

    Attributes:
        tables: The tables that are written to.
        database: Where they are looked at.
        alone: Whether nobody else can have written to the database.
        found: Called with the last write that may have changed what the run did not write, and the verdict.
        accounts: Tells what came of the run's writes.
        doubts: Why it could not be seen to the end whether anything else was touched.
        drift: What somebody else may have done to the tables.
        left: What could not be cleaned up, or may come after that.
        notes: What losses may come from.
    """

    scenario: Scenario
    tables: list[WrittenTable]
    naming: Naming
    database: Database
    clock: Clock
    observer: Observer
    alone: bool
    found: Callable[[Exchange, Verdict], None]
    accounts: Callable[[], Accounts] = Accounts
    doubts: list[str] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _before: dict[str, Fingerprint] = field(default_factory=dict)
    _wrong: int = 0

    async def begin(self) -> None:
        """Take the fingerprint of what is there before the first write.

        Raises:
            UsageProblem: a table is not as the scenario describes it, or its writers have rows already.
            EnvironmentProblem: the database cannot be read.
        """
        for table in self.tables:
            try:
                await table.check(self.database)
                await self._refuse_strangers(table)
                self._before[table.name] = await table.others(self.database)
            except asyncpg.PostgresError as error:
                raise UsageProblem(
                    f"the table {table.name!r} is not as tables.{table.name} describes it: {sql_problem(error)}",
                    "Nothing was sent. Name its columns under `tables`: mark, owner, and key if it has one.",
                ) from None

    async def conclude(self, interruption: Interruption) -> None:
        """See, until the next signal, whether anything else was touched, and what losses may come from."""
        if not await interruption.until_signal(self._conclude()):
            self.doubts.append(INTERRUPTED)

    async def clean_up(self) -> None:
        """Delete the rows that the run has written, and tell what could not be deleted."""
        dsn = self.scenario.target.database.get_secret_value()
        tables = self.tables[::-1]
        for at, table in enumerate(tables):
            try:
                deleted = await table.clear(dsn)
            except FAILURES as error:
                self._leave(table, why(error))
            except asyncio.CancelledError:
                for each in tables[at:]:
                    self._leave(each, "interrupted")
                raise
            else:
                self.observer.step(f"{deleted:,} rows of this run deleted from {table.name}")
                self._foretell(table)

    def figures(self) -> StoredWrites | None:
        """Return what summary.json tells; None where nothing is followed."""
        if not self.tables:
            return None
        accounts = self.accounts()
        return {
            "acknowledged": accounts.counts[Ended.ACKNOWLEDGED],
            "accounted": 0 if self.doubts else accounts.accounted,
            "refused": accounts.counts[Ended.REFUSED],
            "unknown": accounts.counts[Ended.UNKNOWN],
            "audits": accounts.audits,
            "rows": accounts.rows,
            "undecided": accounts.undecided,
            "wrong": accounts.wrong + self._wrong,
            "doubts": list(dict.fromkeys([*accounts.doubts, *self.doubts])),
            "drift": list(self.drift),
            "left": list(self.left),
            "notes": list(self.notes),
        }

    async def _conclude(self) -> None:
        accounts = self.accounts()
        tries = 1 if accounts.doubts else TRIES  # what could not be audited for so long is not waited for again
        for table in self.tables:
            try:
                now = await looked(partial(table.others, self.database), self.clock, tries)
            except Unseen as unseen:
                self.doubts.append(f"the table {table.name!r} could not be audited: {unseen}")
            else:
                self._compare(table.name, self._before[table.name], now)
        if accounts.lost and self._may_have_crashed():
            with suppress(*FAILURES):
                self.notes += [_OFF.format(name) for name in await switched_off(self.database)]

    async def _refuse_strangers(self, table: WrittenTable) -> None:
        """Writers with rows of their own from before would have them changed, and nobody could tell rightly or not."""
        changing = [
            request
            for request in self.scenario.requests
            if request.writes is not None and request.writes.table == table.name and request.does is not Does.INSERT
        ]
        mixes = [mix for mix in self.scenario.identities if any(self.scenario.applies(each, mix) for each in changing)]
        owners = self.naming.owners(table.name, {self.scenario.identities.index(mix) for mix in mixes})
        rows = await table.strangers(self.database, owners)
        if rows:
            raise UsageProblem(
                f"identities of the scenario own {rows:,} rows of {table.name} that this run has not written, "
                "and it would change or delete them",
                "Nothing was sent. Give the scenario identities of their own, or delete these rows first.",
            )

    def _compare(self, table: str, before: Fingerprint, now: Fingerprint) -> None:
        """Tell whether rows that the run did not write are as they were."""
        if before == now:
            return
        last = self.accounts().last.get(table)
        counts = f"{before.count:,} before, {now.count:,} now"
        what = f"rows of {table} that this run did not write have changed: {counts}"
        if not self.alone or last is None:
            self.drift.append(f"{what}; somebody else may have written to them")
            return
        self._wrong += 1
        _, exchange = last
        self.found(exchange, violation(Symptom.CROSS_WRITE, what))

    def _may_have_crashed(self) -> bool:
        return not self.alone or any(fault.do is FaultKind.POSTGRES_CRASH for fault in self.scenario.faults)

    def _foretell(self, table: WrittenTable) -> None:
        if coming := self._coming(table):
            self._tell_left(f"rows of this run may yet come to {table.name} ({coming}); after that: {table.clearing}")

    def _leave(self, table: WrittenTable, reason: str) -> None:
        coming = self._coming(table)
        whole = f"{reason}, and {coming}" if coming else reason
        then = f"after that: {table.clearing}" if coming else table.clearing
        self._tell_left(f"rows of this run are left in {table.name} ({whole}); {then}")

    def _coming(self, table: WrittenTable) -> str:
        """Return which writes may still happen, where what they write to outlives the run; empty when none may."""
        unanswered = self.accounts().unanswered[table.name]
        if self.alone or not unanswered:
            return ""
        return f"{unanswered:,} of its writes were not answered, and may still happen for {LINGERS_S:.0f} s"

    def _tell_left(self, told: str) -> None:
        """Tell it at once as well: a run that cannot go on has no report."""
        self.left.append(told)
        self.observer.step(told)
