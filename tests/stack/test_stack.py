"""The stack that a scenario gets by default: real programs, in a row, with the least privileges that do."""

import asyncio
import stat
import subprocess
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from loadcheck.stack.postgres import DATABASE
from loadcheck.stack.programs import ALL, Finder
from loadcheck.stack.sql import run_files
from loadcheck.stack.stack import EmbeddedStack
from loadcheck.stack.versions import version
from tests.stack.asking import ask, console, pets_of


async def test_postgrest_shows_each_keeper_its_own_pets(pets_stack: EmbeddedStack) -> None:
    assert await pets_of(pets_stack, "tenant-1") == list(range(1, 21))
    assert await pets_of(pets_stack, "tenant-8") == list(range(141, 161))
    assert await pets_of(pets_stack, "nobody") == []


async def test_a_token_that_asks_for_the_owner_is_refused(pets_stack: EmbeddedStack) -> None:
    status, error = await ask(pets_stack, "/pets", role="role_admin")
    assert (status, error["code"]) == (403, "42501")


async def test_it_tells_when_it_is_ready(pets_stack: EmbeddedStack) -> None:
    async with aiohttp.ClientSession() as session, session.get(pets_stack.ready_url) as answer:
        assert answer.status == 200


async def test_the_oracle_sees_every_row_and_the_single_role_does_not(pets_stack: EmbeddedStack) -> None:
    assert await _count(pets_stack.database) == 160
    assert await _count(pets_stack.pooled_database) == 0


async def test_rows_that_its_sql_writes_are_counted_before_anybody_looks(pets_stack: EmbeddedStack) -> None:
    writing = "CREATE TABLE counted (n int); INSERT INTO counted SELECT generate_series(1, 10)"
    connection = await asyncpg.connect(pets_stack.database)
    try:
        for _ in range(20):  # without care, every second or third time is late
            await run_files([(Path("counted.sql"), writing)], pets_stack.database)
            counted = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'counted'"
            assert await connection.fetchval(counted) == 10
            await connection.execute("DROP TABLE counted")
    finally:
        await connection.close()


async def test_nobody_but_the_superuser_can_bypass_row_security(pets_stack: EmbeddedStack) -> None:
    connection = await asyncpg.connect(pets_stack.database)
    try:
        rows = await connection.fetch(
            "SELECT rolname, rolsuper OR rolbypassrls AS above FROM pg_roles WHERE rolcanlogin"
        )
    finally:
        await connection.close()
    assert {row["rolname"]: row["above"] for row in rows} == {
        "postgres": True,
        "role_admin": False,
        "role_readwrite": False,
    }


async def test_requests_share_the_backends_of_pgbouncer(pets_stack: EmbeddedStack) -> None:
    config = await console(pets_stack, "SHOW CONFIG")
    assert (config["pool_mode"], config["default_pool_size"]) == ("transaction", "4")
    await asyncio.gather(*(pets_of(pets_stack, f"tenant-{n % 8 + 1}") for n in range(40)))
    connection = await asyncpg.connect(pets_stack.superuser)
    try:
        backends = await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = 'role_readwrite'")
    finally:
        await connection.close()
    assert 1 <= backends <= 4


async def test_past_the_pooler_the_same_answers_come_by_other_backends(pets_stack: EmbeddedStack) -> None:
    assert pets_stack.past_pooler is not None
    before = (await console(pets_stack, "SHOW STATS_TOTALS"))[DATABASE]
    async with pets_stack.past_pooler() as url:
        status, rows = await ask(pets_stack, "/pets?order=id", url, user_type="tenant-2")
        assert (status, [row["id"] for row in rows]) == (200, list(range(21, 41)))
    assert (await console(pets_stack, "SHOW STATS_TOTALS"))[DATABASE] == before
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(pets_stack, "/pets", url)
    assert set(pets_stack.pids) == {"postgres", "pgbouncer", "postgrest"}


async def test_a_new_function_is_there_after_a_reload(pets_stack: EmbeddedStack) -> None:
    connection = await asyncpg.connect(pets_stack.database)
    try:
        await connection.execute("CREATE FUNCTION legs() RETURNS int LANGUAGE sql AS 'SELECT 4'")
        assert (await ask(pets_stack, "/rpc/legs"))[0] == 404
        await pets_stack.reload_schema()
        assert await ask(pets_stack, "/rpc/legs") == (200, 4)
    finally:
        await connection.execute("DROP FUNCTION legs")
        await connection.close()


def test_its_programs_are_the_real_ones_without_privileges(pets_stack: EmbeddedStack) -> None:
    assert set(pets_stack.pids) == {"postgres", "pgbouncer", "postgrest"}
    for name, pid in pets_stack.pids.items():
        shown = subprocess.run(
            ["ps", "-o", "uid=,comm=", "-p", str(pid)],  # noqa: S607 -- the system's own
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        assert Path(shown[1]).name.startswith(name)
        assert int(shown[0]) != 0


async def test_versions_are_what_the_programs_say(pets_stack: EmbeddedStack) -> None:
    found = Finder().find_all(ALL)
    assert pets_stack.versions == {name: await version(program) for name, program in found.items()}


def test_its_folder_is_closed_to_others(pets_stack: EmbeddedStack) -> None:
    assert stat.S_IMODE(pets_stack.folder.stat().st_mode) == 0o700
    for name in ("postgres.conf", "pgbouncer.ini", "pgbouncer.users", "postgrest.conf"):
        assert stat.S_IMODE((pets_stack.folder / name).stat().st_mode) == 0o600
    assert not (pets_stack.folder / "superuser").exists()


def test_its_repr_has_no_secret(pets_stack: EmbeddedStack) -> None:
    shown = repr(pets_stack)
    assert pets_stack.jwt.secret.get_secret_value() not in shown
    assert "postgresql://" not in shown


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])  # noqa: S104 -- where nothing must listen
def test_it_listens_on_loopback_only(pets_stack: EmbeddedStack, address: str) -> None:
    tables = [Path(f"/proc/{pid}/net/tcp") for pid in pets_stack.pids.values()]
    if not all(table.exists() for table in tables):
        pytest.skip("this system does not tell who listens")
    sockets = {
        str(fd.readlink()).removeprefix("socket:[").rstrip("]")
        for pid in pets_stack.pids.values()
        for fd in Path(f"/proc/{pid}/fd").iterdir()
        if str(fd.readlink()).startswith("socket:")
    }
    family = "tcp6" if address == "::" else "tcp"
    rows = [line.split() for line in Path(f"/proc/self/net/{family}").read_text().splitlines()[1:]]
    listening = [row for row in rows if row[3] == "0A" and row[9] in sockets]
    assert all(set(row[1].split(":")[0]) != {"0"} for row in listening)


async def _count(dsn: str) -> int:
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM pets"))
    finally:
        await connection.close()
