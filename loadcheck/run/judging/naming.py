"""Whose rows are whose in the tables that a run writes to, and how answers and tables show them."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from loadcheck.identity.population import Identity, Population, variables
from loadcheck.judge.holdings import Place
from loadcheck.judge.inspection import Sighting
from loadcheck.judge.writes import Write
from loadcheck.oracle.marks import Mark, Marks
from loadcheck.oracle.rows import show
from loadcheck.oracle.written import SEPARATOR, Found
from loadcheck.scenario.placeholders import Template, text
from loadcheck.scenario.writes import Table


class Naming:
    """Knows the owners of a population and the columns of the scenario's tables.

    Args:
        tables: The scenario's.
        population: Its identities.
        marks: The run's.
    """

    def __init__(self, tables: Mapping[str, Table], population: Population, marks: Marks) -> None:
        self._tables = tables
        self._population = population
        self._marks = marks
        self._templates = {name: [Template(value) for value in table.owner.values()] for name, table in tables.items()}
        self._owners: dict[tuple[str, int], str | None] = {}

    def owner_of(self, table: str, identity: int) -> str | None:
        """Return whose the rows are that an identity writes to a table; None when it can have none."""
        key = table, identity
        if key not in self._owners:
            self._owners[key] = _owner(self._templates[table], self._population[identity])
        return self._owners[key]

    def owners(self, table: str, mixes: Collection[int]) -> list[str]:
        """Return whose the rows are that the identities of some claim mixes write to a table."""
        everybody = (self.owner_of(table, identity) for mix in mixes for identity in self._population.ranges[mix])
        return list({owner for owner in everybody if owner is not None})

    def another(self, table: str, owner: str) -> str | None:
        """Return an owner of rows but this one; None when there is no other."""
        everybody = (self.owner_of(table, identity) for identity in range(len(self._population)))
        return next((other for other in everybody if other not in {owner, None}), None)

    def identity_of(self, table: str, owner: str) -> int | None:
        """Return an identity that owns rows by that name; None when nobody of the scenario does."""
        everybody = range(len(self._population))
        return next((identity for identity in everybody if self.owner_of(table, identity) == owner), None)

    def show(self, place: Place, write: Write) -> str:
        """Return a row as a write should have left it, for people."""
        draw = write.draw
        mark = self._marks.text(Mark(draw.request, draw.identity, draw.seq))
        return self._shown(place.table, mark, place.owner, place.key or "")

    def shows_mark(self, table: str, rows: Sequence[Any]) -> bool:
        """Whether rows of an answer can be told apart by their columns."""
        needed = {self._tables[table].mark, *filter(None, [self._tables[table].key])}
        return all(isinstance(row, dict) and needed <= row.keys() for row in rows)

    def in_answer(self, table: str, row: Mapping[str, Any]) -> Sighting:
        """Return a row of an answer as it was seen."""
        columns = self._tables[table]
        mark = self._marks.read(row[columns.mark])
        owned = [row.get(column) for column in columns.owner]
        owner = None if None in owned else SEPARATOR.join(map(text, owned))
        key = text(row[columns.key]) if columns.key else _keyless(mark)
        return Sighting(mark, owner, key, show({columns.mark: row[columns.mark], **row}))

    def in_table(self, table: str, found: Found) -> Sighting:
        """Return a row of the table itself as it was seen."""
        mark = self._marks.read(found.mark)
        key = found.key if self._tables[table].key else _keyless(mark)
        return Sighting(mark, found.owner, key, self._shown(table, found.mark, found.owner, found.key))

    def _shown(self, table: str, mark: str | None, owner: str, key: str) -> str:
        """Return what is known of a row as JSON: its mark first, for lines are cut."""
        columns = self._tables[table]
        owners = dict(zip(columns.owner, owner.split(SEPARATOR), strict=False))
        return json.dumps({columns.mark: mark, **owners, **({columns.key: key} if columns.key else {})})


def keyless(seq: int) -> str:
    """Return what tells a row from others where the table has no key: the write that made it."""
    return f"#{seq}"


def _keyless(mark: Mark | None) -> str:
    return "" if mark is None else keyless(mark.seq)


def _owner(templates: Sequence[Template], identity: Identity) -> str | None:
    named = variables(identity, {})
    if any(named.get(name) is None for template in templates for name in template.names):
        return None
    return SEPARATOR.join(template.fill(named) for template in templates)
