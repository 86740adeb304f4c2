"""`loadcheck init`: a scenario that runs as it is written."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from loadcheck.scenario.load import load
from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import REPOSITORY, SCENARIOS, loadcheck, summary
from tests.cli.target import Target, kept
from tests.scenario.files import MINIMAL

TWENTY = Path(__file__).parent / "twenty.sql"
SEVERAL = """
CREATE TABLE dogs (id int PRIMARY KEY, master text); INSERT INTO dogs SELECT id, id % 3 FROM generate_series(1, 9) id;
CREATE SCHEMA kennel; CREATE SCHEMA late; GRANT USAGE ON SCHEMA kennel, late TO role_readwrite;
CREATE TABLE kennel.dogs (name text PRIMARY KEY, keeper text);
INSERT INTO kennel.dogs SELECT 'dog ' || id, 'tenant-' || id % 5 FROM generate_series(1, 20) id;
ALTER TABLE kennel.dogs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON kennel.dogs USING (keeper = current_setting('request.jwt.claims', true)::json ->> 'tenant');
GRANT SELECT ON dogs, kennel.dogs TO role_readwrite;
"""
SHORT = ("--set", "load.warm-up.duration=200ms", "--set", "load.alone.requests=100")


def test_pets_is_drafted_and_runs(tmp_path: Path) -> None:
    ended = loadcheck("init", SCENARIOS / "pets.sql", "--out", tmp_path / "pets.yaml")
    assert (ended.code, ended.err) == (0, "")
    drafted = (tmp_path / "pets.yaml").read_text()
    assert "from: SELECT DISTINCT keeper AS user_type FROM pets WHERE keeper IS NOT NULL" in drafted
    assert "rows: SELECT name, keeper, id FROM pets WHERE keeper::text = :user_type\n" in drafted
    fewer = ("--set", "load.crowd.requests=500", "--set", "thresholds={checked: 500}")
    ended = loadcheck("run", tmp_path / "pets.yaml", "--out", tmp_path / "run", *SHORT, *fewer)
    assert ended.code == 0, ended.text


def test_twenty_tables_with_every_shape_of_policy(tmp_path: Path) -> None:
    path = tmp_path / "twenty.yaml"
    assert loadcheck("init", TWENTY, "--out", path).code == 0
    assert "# decide: a policy reads the setting app.owner. What should a caller see?" in path.read_text()
    scenario = load(path).scenario
    assert len(scenario.requests) == 20
    assert [request.name for request in scenario.requests if request.expect.rows_as_identity] == ["secrets"]
    assert [mix.name for mix in scenario.identities[:7]] == [
        "by-sub",
        "by-user_role-auditor",
        "by-user_role-hr",
        "by-customer",
        "by-app_metadata_tenant_id-and-user_role-accountant",
        "by-sites",
        "by-app_metadata_tenant_id",
    ]
    fewer = ("--set", "load.crowd.requests=1500", "--set", "thresholds={checked: 1000}")
    ended = loadcheck("run", path, "--out", tmp_path / "run", *SHORT, *fewer, "--seed", "1")
    assert ended.code == 0, ended.text
    assert summary(tmp_path / "run")["exchanges"]["violation"] == 0


def test_a_target_is_looked_at_and_no_secret_is_written(pets_stack: EmbeddedStack, tmp_path: Path) -> None:
    secret = pets_stack.jwt.secret.get_secret_value()
    target = ("--url", pets_stack.url, "--database", pets_stack.database, "--jwt-secret", secret)
    ended = loadcheck("init", *target)
    assert (ended.code, ended.err) == (0, "")
    assert secret not in ended.out
    assert pets_stack.database not in ended.out
    (tmp_path / "pets.yaml").write_text(ended.out)
    drafted = load(tmp_path / "pets.yaml", environ={}).scenario
    assert [mix.name for mix in drafted.identities][:2] == ["by-user_type", "no-claim"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 4, "nothing to look at without --url, --database, --jwt-secret"),
        (("--out", REPOSITORY / "README.md"), 4, "README.md is there already"),
        (
            ("--url", "http://127.0.0.1:1", "--database", "postgresql://a:PASSWORD@127.0.0.1:1/b", "--jwt-secret", "s"),
            5,
            "cannot connect to a@127.0.0.1:1/b",
        ),
    ],
)
def test_what_cannot_be_is_told(arguments: tuple[object, ...], code: int, said: str) -> None:
    ended = loadcheck("init", *arguments)
    assert ended.code == code
    assert said in ended.err
    assert "PASSWORD" not in ended.text
    assert "Traceback" not in ended.text


def test_a_role_that_may_read_nothing_is_told(pets_stack: EmbeddedStack) -> None:
    target = ("--url", pets_stack.url, "--database", pets_stack.database)
    ended = loadcheck("init", *target, "--jwt-secret", pets_stack.jwt.secret.get_secret_value(), "--schema", "nowhere")
    assert ended.code == 5
    assert "no role that row security binds may read a table of schema nowhere" in ended.err


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A PostgREST that serves three schemas, two with tables of one name, and one whose table it has not read."""
    folder = tmp_path_factory.mktemp("several")
    (folder / "several.sql").write_text(SEVERAL)
    (folder / "several.yaml").write_text(
        MINIMAL + 'stack: {sql: [several.sql], postgrest: {db-schemas: "public, kennel, late"}}\n'
    )
    with kept(folder / "several.yaml") as target:
        yield target


def test_the_schema_asked_for_is_drafted_and_read_where_another_one_is_served_first(
    several: Target, tmp_path: Path
) -> None:
    ended = loadcheck("init", *several.options, "--schema", "kennel", "--out", tmp_path / "kennel.yaml")
    assert (ended.code, ended.err) == (0, "")
    (list_dogs,) = load(tmp_path / "kennel.yaml", environ={}).scenario.requests
    assert list_dogs.path.startswith("/dogs?select=name,keeper&")
    assert list_dogs.headers == {"Accept-Profile": "kennel"}
    ended = loadcheck("run", tmp_path / "kennel.yaml", *several.options, *SHORT, "--out", tmp_path / "run")
    assert summary(tmp_path / "run")["exchanges"]["violation"] == 0, ended.text
    assert summary(tmp_path / "run")["requests"]["dogs"]["ok"] > 0, ended.text


def test_the_schema_that_is_served_first_is_not_named(several: Target) -> None:
    ended = loadcheck("init", *several.options)
    assert (ended.code, ended.err) == (0, "")
    assert "/dogs?select=id," in ended.out
    assert "Profile" not in ended.out


async def test_a_schema_that_is_not_served_is_told_with_those_that_are(several: Target) -> None:
    owner = await asyncpg.connect(several.given["--database"])
    try:
        await owner.execute(
            "CREATE SCHEMA apart; GRANT USAGE ON SCHEMA apart TO role_readwrite;"
            "CREATE TABLE apart.dogs (id int); GRANT SELECT ON apart.dogs TO role_readwrite"
        )
        ended = await asyncio.to_thread(loadcheck, "init", *several.options, "--schema", "apart")
    finally:
        await owner.close()
    assert ended.code == 5
    assert "does not serve schema apart\n" in ended.err
    assert "one of the following: public, kennel, late. Name one of them by --schema" in ended.err.replace("\n", " ")


async def test_tables_that_postgrest_has_not_read_yet_are_asked_about(several: Target) -> None:
    owner = await asyncpg.connect(several.given["--database"])
    try:
        await owner.execute("CREATE TABLE late.hounds (id int); GRANT SELECT ON late.hounds TO role_readwrite")
        ended = await asyncio.to_thread(loadcheck, "init", *several.options, "--schema", "late")
    finally:
        await owner.close()
    assert ended.code == 5
    assert "serves no table of schema late to role_readwrite" in ended.err
    assert "If the tables are new, PostgREST must read the schema again" in ended.err
