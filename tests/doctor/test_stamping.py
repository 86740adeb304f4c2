"""The stamp on a target: in and out of a real PostgREST with in-database configuration, as if it was never there."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from loadcheck.cli.stamping import Wish, stamp
from loadcheck.errors import EnvironmentProblem, UsageProblem
from loadcheck.scenario.load import LoadedScenario, load
from loadcheck.scenario.model import Scenario
from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import loadcheck, summary

SCENARIO = """
name: pets
identities: [{name: keeper, count: 4, claims: {role: role_readwrite, user_type: "tenant-{n}"}}]
requests:
  - name: list
    get: /pets?select=id&order=id
    expect: {rows: SELECT id FROM pets WHERE keeper = :user_type ORDER BY id}
load: [{name: crowd, concurrency: 8, requests: 200}]
"""
SQL = """
CREATE TABLE pets (id int, keeper text, asked int DEFAULT 0);
INSERT INTO pets SELECT n, 'tenant-' || 1 + n % 4 FROM generate_series(1, 20) n;
GRANT SELECT ON pets TO role_readwrite;
ALTER TABLE pets ENABLE ROW LEVEL SECURITY;
-- Rows come only where the pre-request function has run.
CREATE POLICY own ON pets USING (keeper = current_setting('request.jwt.claims', true)::json ->> 'user_type'
    AND current_setting('app.before', true) = 'ran');
CREATE SCHEMA "my hooks";
GRANT USAGE ON SCHEMA "my hooks" TO role_readwrite;
CREATE FUNCTION "my hooks".before() RETURNS void LANGUAGE sql AS $$ SELECT set_config('app.before', 'ran', true) $$;
"""
SNAPSHOT = """
    SELECT (SELECT json_agg(p.oid::regprocedure::text || prosrc ORDER BY p.oid)::text FROM pg_proc p
            WHERE p.oid >= 16384),
        (SELECT json_agg(s ORDER BY setdatabase, setrole)::text FROM pg_db_role_setting s),
        (SELECT json_agg(nspname ORDER BY nspname)::text FROM pg_namespace),
        (SELECT count(*) FROM pg_description WHERE objoid >= 16384)"""


@pytest.fixture(scope="module")
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[EmbeddedStack, Path]]:
    """A stack without the stamp, whose PostgREST has its pre-request function from the database."""
    folder = tmp_path_factory.mktemp("target")
    (folder / "pets.sql").write_text(SQL)
    (folder / "pets.yaml").write_text(SCENARIO)
    scenario = Scenario.model_validate(
        {
            "name": "pets",
            "stack": {"sql": ["pets.sql"], "stamp": False, "pooler": "none"},
            "identities": [{"name": "k"}],
            "requests": [{"name": "r", "get": "/", "expect": {"status": 200}}],
        }
    )
    async with embedded(scenario, folder) as stack:
        await execute(stack, "ALTER ROLE role_readwrite SET pgrst.db_pre_request = 'my hooks.before'")
        await execute(stack, "NOTIFY pgrst, 'reload config'")
        yield stack, folder / "pets.yaml"


async def execute(stack: EmbeddedStack, sql: str) -> None:
    connection = await asyncpg.connect(stack.superuser)
    await connection.execute(sql)
    await connection.close()


async def snapshot(stack: EmbeddedStack) -> list[object]:
    connection = await asyncpg.connect(stack.superuser)
    try:
        return list(await connection.fetchrow(SNAPSHOT))
    finally:
        await connection.close()


def aimed(target: tuple[EmbeddedStack, Path], database: str = "") -> LoadedScenario:
    stack, path = target
    dsn = SecretStr(database or stack.superuser)
    loaded = load(path, environ={})
    there = {"url": stack.url, "database": dsn, "jwt": stack.jwt}
    return loaded.aimed_at(loaded.scenario.target.model_copy(update=there))


def wish(*, remove: bool = False, run: bool = True, pre_request: str | None = None) -> Wish:
    return Wish(remove=remove, run=run, role=None, pre_request=pre_request)


def run(target: tuple[EmbeddedStack, Path], out: Path) -> dict[str, Any]:
    stack, path = target
    there = ("--url", stack.url, "--database", stack.superuser)
    ended = loadcheck("run", path, *there, "--jwt-secret", stack.jwt.secret.get_secret_value(), "--out", out)
    assert "violation: " not in ended.out, ended.text
    return summary(out)


async def test_the_stamp_goes_in_and_out_again(
    target: tuple[EmbeddedStack, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, loaded = target[0], aimed(target)
    before = await snapshot(stack)

    await stamp(loaded, wish(run=False))
    printed = capsys.readouterr().out
    assert 'PERFORM "my hooks".before();' in printed
    assert "ALTER ROLE role_readwrite IN DATABASE loadcheck SET pgrst.db_pre_request" in printed
    assert await snapshot(stack) == before

    await stamp(loaded, wish())
    assert capsys.readouterr().out == 'The stamp is installed, after "my hooks".before: answers carry it.\n'
    during = await snapshot(stack)
    await stamp(loaded, wish())
    assert await snapshot(stack) == during
    await execute(stack, "NOTIFY pgrst, 'reload schema'")
    await execute(stack, "NOTIFY pgrst, 'reload config'")
    assert run(target, tmp_path / "stamped")["coverage"]["handoffs"] > 0

    await stamp(loaded, wish(remove=True))
    assert await snapshot(stack) == before
    assert run(target, tmp_path / "plain")["coverage"]["handoffs"] is None
    capsys.readouterr()
    await stamp(loaded, wish(remove=True))
    assert capsys.readouterr().out == "The stamp is not installed.\n"


async def test_the_sql_that_is_printed_does_the_same(
    target: tuple[EmbeddedStack, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    stack, loaded = target[0], aimed(target)
    before = await snapshot(stack)
    for removing in (False, True):
        await stamp(loaded, wish(remove=removing, run=False))
        await execute(stack, capsys.readouterr().out)
        assert (await snapshot(stack) == before) is removing


async def test_a_setting_that_outlived_the_stamp_is_nothing_to_go_back_to(
    target: tuple[EmbeddedStack, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    alter = "ALTER ROLE role_readwrite IN DATABASE loadcheck"
    await execute(target[0], f"{alter} SET pgrst.db_pre_request = 'loadcheck.stamp'")
    try:
        await stamp(aimed(target), wish(run=False))
    finally:
        await execute(target[0], f"{alter} RESET pgrst.db_pre_request")
    printed = capsys.readouterr().out
    assert 'PERFORM "my hooks".before();' in printed
    assert '"was":null' in printed


async def test_without_the_right_to_nothing_changes_and_an_administrator_gets_the_sql(
    target: tuple[EmbeddedStack, Path],
) -> None:
    before = await snapshot(target[0])
    with pytest.raises(EnvironmentProblem, match="may not install the stamp: permission denied") as refused:
        await stamp(aimed(target, target[0].database), wish())
    assert "CREATE OR REPLACE FUNCTION loadcheck.stamp()" in refused.value.advice
    assert await snapshot(target[0]) == before


async def test_a_schema_of_somebody_else_and_a_function_that_is_not_there(target: tuple[EmbeddedStack, Path]) -> None:
    with pytest.raises(UsageProblem, match=r"hooks\.nothing"):
        await stamp(aimed(target), wish(pre_request="hooks.nothing"))
    await execute(target[0], "CREATE SCHEMA loadcheck")
    try:
        with pytest.raises(EnvironmentProblem, match="that loadcheck did not make"):
            await stamp(aimed(target), wish())
    finally:
        await execute(target[0], "DROP SCHEMA loadcheck")


def test_the_command_prints_and_needs_a_target(target: tuple[EmbeddedStack, Path]) -> None:
    ended = loadcheck("doctor", target[1], "--install-stamp")
    assert (ended.code, "has the stamp already" in ended.err) == (4, True)
