"""Who must be with one worker, because they own the same rows, and how many workers that leaves room for."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from loadcheck.errors import UsageProblem
from loadcheck.identity.population import populate
from loadcheck.oracle.marks import Marks
from loadcheck.run.judging.naming import Naming
from loadcheck.run.preparing.owning import owning_together, refuse_too_many
from loadcheck.run.preparing.preparation import Prepared
from loadcheck.scenario.load import load

SCENARIO = """
name: owning
tables:
  entries: {mark: note, owner: {tenant: "{tenant}"}, key: slot}
  logs: {mark: note, owner: {company: "{company}"}}
identities:
  - {name: user, count: 6, claims: {role: x, tenant: "tenant-{n}"}}
  - {name: admin, count: 2, claims: {role: x, tenant: "tenant-{n}", company: acme}}
  - {name: guest, count: 3, claims: {role: x}}
  - {name: reader, count: 2, claims: {role: x, tenant: tenant-1}}
  - {name: expired, token: expired, claims: {role: x, tenant: tenant-1}, expect: {status: 401}}
requests:
  - name: set
    post: /entries
    body: {tenant: "{tenant}", slot: "{slot}", note: "{mark}"}
    vars: {slot: uuid}
    as: [user, admin, expired]
    writes: {table: entries, row: "{slot}"}
    expect: {status: 201}
  - {name: mine, get: /entries, as: [user, admin, guest], expect: {written: {table: entries}}}
  - {name: all, get: /pets, as: [reader], expect: {rows: []}}
"""
LOG = """
  - name: log
    post: /logs
    body: {note: "{mark}"}
    as: [admin]
    writes: {table: logs}
    expect: {status: 201}
"""


def prepared(folder: Path, text: str) -> Prepared:
    (folder / "scenario.yaml").write_text(text)
    scenario = load(folder / "scenario.yaml").scenario
    population = populate(scenario, {})
    naming = Naming(scenario.tables, population, Marks("0123abcd"))
    known = SimpleNamespace(scenario=scenario, population=population, naming=naming)
    return cast("Prepared", known)


def groups(known: Prepared) -> list[list[str]]:
    return [sorted(known.population[each].label for each in group) for group in owning_together(known)]


def test_who_owns_the_same_rows_belongs_together(tmp_path: Path) -> None:
    rest = [[f"user#{n}"] for n in range(3, 7)]
    assert groups(prepared(tmp_path, SCENARIO)) == [["admin#1", "expired", "user#1"], ["admin#2", "user#2"], *rest]


def test_whose_token_must_be_refused_is_tied_by_writes_alone(tmp_path: Path) -> None:
    reading = SCENARIO.replace("as: [user, admin, expired]", "as: [user, admin]")
    reading = reading.replace("as: [user, admin, guest]", "as: [user, admin, guest, expired]")
    assert not any("expired" in group for group in groups(prepared(tmp_path, reading)))


def test_owners_are_tied_over_several_tables(tmp_path: Path) -> None:
    rest = [[f"user#{n}"] for n in range(3, 7)]
    assert groups(prepared(tmp_path, SCENARIO + LOG)) == [["admin#1", "admin#2", "expired", "user#1", "user#2"], *rest]


def test_what_is_never_sent_ties_nobody(tmp_path: Path) -> None:
    unsent = SCENARIO + LOG.replace("post: /logs", "weight: 0\n    post: /logs")
    assert groups(prepared(tmp_path, unsent)) == groups(prepared(tmp_path, SCENARIO))


def test_as_many_workers_as_every_kind_has_owners(tmp_path: Path) -> None:
    refuse_too_many(prepared(tmp_path, SCENARIO), 2)
    with pytest.raises(UsageProblem) as refused:
        refuse_too_many(prepared(tmp_path, SCENARIO), 4)
    assert "--workers 4 is too many: whoever owns the same rows must be with one worker" in refused.value.message
    assert "the identities of 'admin' are 2 groups (the largest: user#1, admin#1 and 1 more)" in refused.value.message
    assert refused.value.advice == "Nothing was sent. Use --workers 2, or give 'admin' more owners."


def test_one_owner_is_for_one_worker(tmp_path: Path) -> None:
    refuse_too_many(prepared(tmp_path, SCENARIO + LOG), 1)
    with pytest.raises(UsageProblem) as refused:
        refuse_too_many(prepared(tmp_path, SCENARIO + LOG), 2)
    assert "the identities of 'admin' are 1 group (the largest: user#1, user#2 and 3 more)" in refused.value.message
    assert refused.value.advice == "Nothing was sent. Leave out --workers, or give 'admin' more owners."
