"""`loadcheck doctor`: silent about a good stack, and to the point about a bad one."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from loadcheck.clock import SystemClock
from loadcheck.doctor.doctor import Doctor, exit_code
from loadcheck.doctor.line import Level, Line
from loadcheck.doctor.pooler import Mode, find_pooler
from loadcheck.errors import ExitCode
from loadcheck.scenario.load import LoadedScenario, load
from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import SCENARIOS, loadcheck
from tests.pets import FOLDER

BAD = """
name: bad
stack:
  sql: [bad.sql]
  pooler: {mode: session, size: 20, stats_users: role_readwrite}
  postgrest: {db-pool: 5, db-max-rows: 2}
identities: [{name: keeper, claims: {role: role_readwrite}}]
requests:
  - {name: list, get: /every_pet?order=id, expect: {status: 200}}
  - {name: mistaken, get: /notes, expect: {rows: SELECT nothing FROM notes}}
  - {name: names, get: "/pets?select=id,copied_pets,own,visits&limit=1", expect: {status: 200}}
"""
WELL = """\
starting the embedded stack
postgres N answers after N s
pgbouncer N answers after N s
postgrest N answers after N s
target
  ok       http://N answers
  ok       PostgREST N
  ok       its clock agrees with this machine's
  ok       answers carry the stamp: backends, handoffs and settings can be seen
tokens
  ok       answered as they should be: as-readwrite, as-admin, keeper#N, listed#N, no-claim, asks-for-admin, expired,
           not-yet-valid, wrong-key, unsigned, malformed, missing
database
  ok       PostgreSQL N
  ok       PostgreSQL's clock agrees with this machine's
  ok       the oracle's role role_admin sees every row
pooler
  ok       a pooler in transaction mode: one client's statements ran on backend N, then on N
  ok       db-prepared-statements is off, as a shared backend needs it
role
  ok       role_readwrite is neither a superuser nor has it BYPASSRLS
  ok       role_readwrite may use pets (SELECT)
row security
  ok       enabled, with policies that bind: pets
  ok       policy pets_of_the_claim of pets reads request.jwt.claims
coverage
  ok       every table and view that requests may use is asked for
  ok       no answer is cut off by db-max-rows
N ok, N to look at, N wrong
"""


def doctor(loaded: LoadedScenario, stack: EmbeddedStack, **target: Any) -> Doctor:
    there = {"url": stack.url, "database": SecretStr(stack.database), "jwt": stack.jwt, **target}
    aimed = loaded.aimed_at(loaded.scenario.target.model_copy(update=there))
    return Doctor(aimed, stack.pooled_database, stack.settings, SystemClock())


def told(lines: list[Line], level: Level) -> list[str]:
    return [line.text for line in lines if line.level is level]


@pytest.fixture(scope="module")
async def bad(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[LoadedScenario, EmbeddedStack]]:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "bad.sql").write_text((Path(__file__).parent / "bad.sql").read_text())
    (folder / "bad.yaml").write_text(BAD)
    loaded = load(folder / "bad.yaml", environ={})
    async with embedded(loaded.scenario, folder) as stack:
        yield loaded, stack


def test_a_good_stack_is_well() -> None:
    ended = loadcheck("doctor", SCENARIOS / "pets.yaml", COLUMNS="120")
    assert (ended.code, ended.err) == (0, "")
    assert re.sub(r"\d[\d.:]*", "N", ended.out) == WELL


async def test_every_hole_of_a_bad_stack_is_told(bad: tuple[LoadedScenario, EmbeddedStack]) -> None:
    lines = await doctor(*bad).examine()
    place = f"{bad[0].path}:10:57: "
    assert told(lines, Level.WRONG) == [
        f'{place}PostgreSQL says: column "nothing" does not exist (42703).',
        "table own belongs to role_readwrite, which requests run as, and no policy binds an owner",
        (
            "function remember(text) sets app.keeper for the whole session, and a policy reads it: the next caller "
            "on the backend inherits it"
        ),
        (
            "function keeper() is IMMUTABLE and reads settings, and policy reads calls it: plans keep what it returned "
            "to another caller"
        ),
    ]
    assert told(lines, Level.WARNING) == [
        "table notes has row security and no policy for the API's roles: they see nothing",
        (
            "table visits has no row security, though pets, which it refers to, has it: whoever may use it sees and "
            "touches every row"
        ),
        "policy adds of pets checks nothing of what is written (WITH CHECK (true)): anybody can write rows for anybody",
        "view every_pet reads pets as its owner role_admin, whom no policy binds",
        "materialized view copied_pets is a copy of pets, and no policy applies to it",
        "function all_pets() is SECURITY DEFINER: what it reads, it reads as role_admin",
        "no request asks for own_pets, which requests may use",
        "request 'list' gets 2 of 9 rows: db-max-rows cuts it off",
    ]
    assert all(line.fix for line in lines if line.level is not Level.OK)
    assert exit_code(lines) is ExitCode.ENVIRONMENT


async def test_a_role_that_no_policy_binds_is_wrong(bad: tuple[LoadedScenario, EmbeddedStack]) -> None:
    connection = await asyncpg.connect(bad[1].superuser)
    try:
        await connection.execute("ALTER ROLE role_readwrite BYPASSRLS")
        lines = await doctor(*bad).examine()
    finally:
        await connection.execute("ALTER ROLE role_readwrite NOBYPASSRLS")
        await connection.close()
    assert "role_readwrite has BYPASSRLS: no policy binds it" in told(lines, Level.WRONG)


async def test_poolers_are_told_apart(bad: tuple[LoadedScenario, EmbeddedStack], pets_stack: EmbeddedStack) -> None:
    found = [
        await find_pooler(dsn) for dsn in (pets_stack.database, pets_stack.pooled_database, bad[1].pooled_database)
    ]
    assert [pooler.mode for pooler in found] == [Mode.DIRECT, Mode.TRANSACTION, Mode.SESSION]
    assert [pooler.version for pooler in found] == ["", "", bad[1].versions["pgbouncer"]]


async def test_a_refused_key_a_bound_oracle_and_a_role_that_is_not_there(
    pets_stack: EmbeddedStack, tmp_path: Path
) -> None:
    path = tmp_path / "pets.yaml"
    path.write_text(
        "name: pets\nstack: {sql: [p.sql]}\nidentities: [{name: k, claims: {role: nobody}}]\n"
        "requests: [{name: list, get: /pets, expect: {rows: SELECT * FROM pets}}]\n"
    )
    (tmp_path / "p.sql").write_text((FOLDER / "pets.sql").read_text())
    loaded = load(path, environ={})
    wrong_key = pets_stack.jwt.model_copy(update={"secret": SecretStr("x" * 32)})
    lines = await doctor(loaded, pets_stack, jwt=wrong_key, database=SecretStr(pets_stack.pooled_database)).examine()
    assert told(lines, Level.WRONG) == [
        "k got 401 (PGRST301) for 'list': a right token is refused",
        "row security hides rows of pets from the oracle's role role_readwrite",
        "there is no role nobody",
    ]
    assert exit_code(lines) is ExitCode.ENVIRONMENT
    assert exit_code([replace(line, blocks=False) for line in lines]) is ExitCode.THRESHOLD


def test_what_cannot_be_reached_is_told_and_the_rest_looked_at_as_json() -> None:
    dsn = "postgresql://role:PASSWORD@127.0.0.1:1/db"
    options = ("--url", "http://127.0.0.1:1", "--database", dsn, "--jwt-secret", "SECRET" * 8, "--json")
    ended = loadcheck("doctor", SCENARIOS / "pets.yaml", *options)
    assert ended.code == 5, ended.text
    lines = json.loads(ended.out)["lines"]
    assert [(line["about"], line["level"]) for line in lines] == [("target", "wrong"), ("database", "wrong")]
    assert lines[0]["text"] == "cannot connect to http://127.0.0.1:1: connection refused"
    assert "PASSWORD" not in ended.text
    assert "SECRET" not in ended.text
