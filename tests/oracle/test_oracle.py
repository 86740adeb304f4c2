"""The oracle on the real PostgreSQL: right, for everybody, whatever another reading did before."""

from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from loadcheck.errors import EnvironmentProblem, UsageProblem
from loadcheck.identity.population import populate
from loadcheck.oracle.database import Connection, Database, connect, place
from loadcheck.oracle.expectation import Expectations
from loadcheck.oracle.inspect import read_identities, sql_mistakes
from loadcheck.oracle.oracle import Asked, Oracle
from loadcheck.oracle.query import Query
from loadcheck.oracle.truth import truth_of
from loadcheck.scenario.binding import bind
from loadcheck.scenario.model import Scenario
from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack
from tests.pets import FOLDER, KEEPERS, PETS_EACH, pets

KEEPER = {"name": "keeper", "count": KEEPERS, "claims": {"role": "role_readwrite", "user_type": "tenant-{n}"}}
NOBODY = {"name": "no-claim", "claims": {"role": "role_readwrite"}}


def scenario(expect: Mapping[str, Any], identities: list[dict[str, Any]] | None = None, **request: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "oracle",
            "identities": identities or [KEEPER, NOBODY],
            "requests": [{"name": "list", "get": "/pets", "expect": expect, **request}],
        }
    )


class Counting(Database):
    """Counts its readings."""

    readings = 0

    @asynccontextmanager
    async def reading(self) -> Any:
        self.readings += 1
        async with super().reading() as connection:
            yield connection


def oracle(database: Database, what: Scenario) -> Oracle:
    return Oracle(database, what, populate(what, {}), Expectations(what))


async def rows(database: Database, what: Scenario, identity: int, *values: Any) -> list[str]:
    (reading,) = await oracle(database, what).read_again([Asked(0, identity, values)])
    return list(reading.rows)


@pytest.fixture
async def database(pets_stack: EmbeddedStack) -> Any:
    database = Counting(pets_stack.database)
    yield database
    await database.close()


async def test_every_identity_gets_its_own_rows_by_one_statement(database: Counting) -> None:
    what = scenario({"rows": "SELECT id, keeper FROM pets WHERE keeper = :user_type"})
    reader = oracle(database, what)
    told: list[tuple[int, int]] = []
    await reader.read_fixed(lambda done, of: told.append((done, of)))
    truths = [reader.truth(Asked(0, identity)) for identity in range(KEEPERS + 1)]
    assert [truth.row_count for truth in truths if truth] == [PETS_EACH] * KEEPERS + [0]
    assert len({truth.rows for truth in truths if truth}) == KEEPERS + 1
    assert told == [(KEEPERS + 1, KEEPERS + 1)]
    # One statement for each mix: its identities come in one batch.
    assert database.readings == 2


async def test_identities_with_the_same_bindings_share_one_reading(database: Counting) -> None:
    reader = oracle(database, scenario({"rows": "SELECT count(*) AS n FROM pets"}))
    await reader.read_fixed(lambda _done, _of: None)
    (one,) = {truth.rows for n in range(KEEPERS) if (truth := reader.truth(Asked(0, n)))}
    assert one


async def test_numbers_keep_every_digit(database: Database) -> None:
    what = scenario({"rows": "SELECT 12345678901234567890.0123456789::numeric(30,10) AS n, 9007199254740993 AS b"})
    assert await rows(database, what, 0) == ['{"n": 12345678901234567890.0123456789, "b": 9007199254740993}']


@pytest.mark.parametrize(
    ("value", "changed"),
    [
        ("12345678901234567890.0123456789::numeric(30, 10)", "12345678901234567890.0123456788::numeric(30, 10)"),
        ("1e200::numeric", "1e200::numeric + 1"),
        ("'NaN'::numeric", "'Infinity'::numeric"),
        ("9007199254740993", "9007199254740992"),
        ("1e300::float8", "1.0000000000000002e300::float8"),
        ("0.1::float8", "0.1::real + 0.0::float8"),
        ("5e-324::float8", "0::float8"),
        ("16777217::real", "16777214::real"),
        ("'NaN'::float8", "NULL::float8"),
        ("'2024-02-29 23:59:59.999999'::timestamp", "'2024-02-29 23:59:59.999998'::timestamp"),
        ("'infinity'::timestamptz", "'-infinity'::timestamptz"),
        ("interval '1 day'", "interval '24 hours'"),
        ("0.99::money", "0.98::money"),
        ("int4range(1, 3)", "int4range(1, 3, '[]')"),
        ("row(1, 1.00000001::numeric)", "row(1, 1.00000002::numeric)"),
        ("array[1, NULL]", "array[NULL, 1]"),
        ("array['a,b']", "array['a', 'b']"),
        ("'{\"a\": 1.10}'::json", "'{\"a\": 1.11}'::json"),
        ("'\\x00ff'::bytea", "'\\x00fe'::bytea"),
        ("'é'", "'e' || chr(769)"),
        ("''", "NULL::text"),
        ("true", "'true'::text"),
        ("1", "'1'::text"),
    ],
)
async def test_the_least_change_of_a_value_is_seen(database: Database, value: str, changed: str) -> None:
    (one, other) = [truth_of(*await _one(database, sql)) for sql in (value, changed)]
    assert not one.agrees(other)


async def _one(database: Database, value: str) -> tuple[str, int | None, str]:
    async with database.reading() as connection:
        return (await Query(bind(f"SELECT {value} AS value"), None, as_identity=False).run(connection, [()]))[0]


async def test_values_are_bound_and_never_pasted(database: Database) -> None:
    hostile = {"name": "x", "claims": {"role": "role_readwrite", "user_type": "' OR true --"}}
    what = scenario({"rows": "SELECT :user_type AS who, count(*) FROM pets WHERE keeper = :user_type"}, [hostile])
    assert await rows(database, what, 0) == ['{"who": "\' OR true --", "count": 0}']


async def test_what_an_identity_lacks_binds_null_and_claims_bind_as_jsonb(database: Database) -> None:
    what = scenario({"rows": "SELECT :user_type IS NULL AS none, :claims->>'role' AS role, :n::int AS n"})
    assert await rows(database, what, 0) == ['{"none": false, "role": "role_readwrite", "n": 1}']
    assert await rows(database, what, KEEPERS) == ['{"none": true, "role": "role_readwrite", "n": 1}']


async def test_drawn_variables_have_their_truth_before_they_are_sent(database: Database) -> None:
    what = scenario(
        {"rows": "SELECT id FROM pets WHERE id = :id::int AND keeper = :user_type"}, vars={"id": {"int": [1, 999]}}
    )
    reader, question = oracle(database, what), Asked(0, 0, (1,))
    assert reader.truth(question) is None
    await reader.prepare([question, Asked(0, 1, (1,))])
    truths = [reader.truth(question), reader.truth(Asked(0, 1, (1,)))]
    assert [truth.row_count for truth in truths if truth] == [1, 0]


async def test_everybodys_truth_for_one_draw_is_read_and_not_kept(database: Counting) -> None:
    """There may be more identities than truths that are kept: those of what is about to be sent must stay."""
    what = scenario(
        {"rows": "SELECT id FROM pets WHERE id = :id::int AND keeper = :user_type"}, vars={"id": {"int": [1, 999]}}
    )
    reader, asked = oracle(database, what), Asked(0, 0, (1,))
    await reader.prepare([asked])
    for neighbours in (await reader.neighbours(asked), await reader.neighbours_again(asked)):
        assert [truth.row_count for _, truth in neighbours] == [1] + [0] * KEEPERS
    assert [reader.truth(Asked(0, other, (1,))) for other in range(1, KEEPERS + 1)] == [None] * KEEPERS
    assert reader.truth(asked) is not None


async def test_rows_as_identity_are_what_the_policy_lets_through(database: Database) -> None:
    what = scenario({"rows_as_identity": "SELECT keeper, count(*) FROM pets GROUP BY keeper"})
    assert await rows(database, what, 2) == ['{"keeper": "tenant-3", "count": 20}']
    assert await rows(database, what, KEEPERS) == []


async def test_an_aggregate_over_nothing_but_a_bound_name_is_told(database: Database) -> None:
    what = scenario({"rows": "SELECT id FROM pets WHERE keeper = :user_type GROUP BY id HAVING count(:n) > 0"})
    with pytest.raises(UsageProblem, match='column ":user_type" from outer query') as raised:
        await oracle(database, what).read_again([Asked(0, 0)])
    assert "count(:n)" in raised.value.advice


async def test_what_is_read_as_an_identity_names_tables_as_requests_do(pets_stack: EmbeddedStack) -> None:
    admin = await connect(pets_stack.database)
    database = Database(pets_stack.database)
    await admin.execute("CREATE SCHEMA other; CREATE TABLE other.here (id int)")
    try:
        what = scenario({"rows_as_identity": "SELECT id FROM here"})
        assert len(await sql_mistakes(database, what, Expectations(what))) == 1
        elsewhere = what.stack.model_copy(update={"postgrest": {"db-schemas": "other, public"}})
        what = what.model_copy(update={"stack": elsewhere})
        assert await sql_mistakes(database, what, Expectations(what)) == []
    finally:
        await admin.execute("DROP SCHEMA other CASCADE")
        await admin.close()
        await database.close()


async def test_nothing_of_one_identity_reaches_the_next_even_through_a_cached_plan(
    pets_stack: EmbeddedStack, database: Database
) -> None:
    admin = await connect(pets_stack.database)
    await admin.execute("""
        CREATE TABLE plans (keeper text); INSERT INTO plans SELECT DISTINCT keeper FROM pets;
        CREATE FUNCTION keeper_of_plan() RETURNS text IMMUTABLE LANGUAGE sql
            AS $$ SELECT current_setting('request.jwt.claims', true)::json->>'user_type' $$;
        ALTER TABLE plans ENABLE ROW LEVEL SECURITY; GRANT SELECT ON plans TO role_readwrite;
        CREATE POLICY own ON plans TO role_readwrite USING (keeper = keeper_of_plan());""")
    try:
        reader = oracle(database, scenario({"rows_as_identity": "SELECT keeper FROM plans"}))
        readings = await reader.read_again([Asked(0, n) for n in [*range(KEEPERS)] * 3])
    finally:
        await admin.execute("DROP TABLE plans; DROP FUNCTION keeper_of_plan()")
        await admin.close()
    assert [reading.rows for reading in readings] == [
        (f'{{"keeper": "tenant-{n + 1}"}}',) for n in [*range(KEEPERS)] * 3
    ]


async def test_literal_rows_and_counts_need_no_database() -> None:
    what = scenario({"rows": [{"keeper": "{user_type}", "n": "{n}"}], "count": 7})
    reader = oracle(Database("postgresql://nobody@127.0.0.1:9/none"), what)
    (reading,) = await reader.read_again([Asked(0, 4)])
    assert reading.rows == ('{"keeper": "tenant-5", "n": 5}',)
    assert reading.truth.total == 7


async def test_a_count_is_read_with_the_rows(database: Database) -> None:
    first_two = "SELECT id FROM pets WHERE keeper = :user_type LIMIT 2"
    what = scenario({"rows": first_two, "count": "SELECT count(*) FROM pets"})
    (reading,) = await oracle(database, what).read_again([Asked(0, 0)])
    assert (len(reading.rows), reading.truth.total) == (2, KEEPERS * PETS_EACH)


async def test_a_role_that_row_security_binds_is_refused(pets_stack: EmbeddedStack) -> None:
    what = scenario({"rows": "SELECT id FROM pets"})
    database = Database(pets_stack.pooled_database)
    with pytest.raises(EnvironmentProblem, match="'role_readwrite' is bound by row security on pets"):
        await sql_mistakes(database, what, Expectations(what))
    await database.close()


async def test_a_pooled_dsn_serves_as_well() -> None:
    """On the managed service the oracle has no other way in than the pooler, in transaction mode."""
    owned = pets(owner="role_readwrite", role="role_readwrite")
    async with embedded(owned, FOLDER) as stack:
        database = Database(stack.pooled_database)
        reader = Oracle(database, owned, populate(owned, {}), Expectations(owned))
        assert await sql_mistakes(database, owned, Expectations(owned)) == []
        for _ in range(5):
            readings = await reader.read_again([Asked(0, n) for n in range(KEEPERS)])
            assert [len(reading.rows) for reading in readings] == [PETS_EACH] * KEEPERS
        await database.close()


async def test_every_wrong_statement_is_told_with_its_place(database: Database) -> None:
    what = scenario({"rows": "SELECT nmae FROM pets", "count": "SELECT count(*) FROM petz"})
    mistakes = await sql_mistakes(database, what, Expectations(what))
    assert [one.loc for one in mistakes] == [("requests", 0, "expect", "rows"), ("requests", 0, "expect", "count")]
    assert "nmae" in mistakes[0].message
    assert "petz" in mistakes[1].message


async def test_a_mistake_is_placed_where_the_scenario_has_it(database: Database) -> None:
    sql = "SELECT :user_type AS é, :claims, :user_type, nmae FROM pets WHERE keeper = :user_type"
    what = scenario({"rows": sql})
    (mistake,) = await sql_mistakes(database, what, Expectations(what))
    assert mistake.offset == sql.index("nmae")


async def test_sql_that_fails_for_one_identity_is_told_with_its_name(database: Database) -> None:
    with pytest.raises(UsageProblem, match=r"keeper#1: invalid input syntax for type integer"):
        await rows(database, scenario({"rows": "SELECT :user_type::int AS n"}), 0)


async def test_identities_are_read_with_json_types(database: Database) -> None:
    reads = {"name": "read", "from": "SELECT 1 AS n, 'x' AS t, true AS b, 1.50::numeric AS d, NULL::text AS z"}
    read = await read_identities(database, scenario({"status": 200}, [reads]))
    assert read == {0: [{"n": 1, "t": "x", "b": True, "d": 1.5, "z": None}]}


async def test_identities_whose_statement_fails_as_it_runs_are_told(database: Database) -> None:
    reads = {"name": "read", "from": "SELECT 1 / (id - 1) AS n FROM pets"}
    with pytest.raises(UsageProblem, match=r"identities cannot be read from 'SELECT 1 / .*division by zero"):
        await read_identities(database, scenario({"status": 200}, [reads]))


async def test_a_function_that_row_security_binds_is_told(pets_stack: EmbeddedStack) -> None:
    """Its query is hidden from the first look, which plans statements and does not run them."""
    admin, database = await connect(pets_stack.superuser), Database(pets_stack.pooled_database)
    await admin.execute(
        "CREATE FUNCTION hidden() RETURNS SETOF pets LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY TABLE pets; END $$"
    )
    try:
        with pytest.raises(UsageProblem, match="row-level security policy") as raised:
            await oracle(database, scenario({"rows": "SELECT id FROM hidden()"})).read_again([Asked(0, 0)])
        assert "BYPASSRLS" in raised.value.advice
    finally:
        await admin.execute("DROP FUNCTION hidden()")
        await admin.close()
        await database.close()


async def test_a_lost_connection_is_made_again(pets_stack: EmbeddedStack, database: Database) -> None:
    what = scenario({"rows": "SELECT pg_backend_pid() AS pid"})
    (before,) = await rows(database, what, 0)
    admin = await connect(pets_stack.superuser)
    await admin.fetch("SELECT pg_terminate_backend((($1::json)->>'pid')::int, 5000)", before)
    await admin.close()
    (after,) = await rows(database, what, 0)
    assert after != before


async def test_nothing_is_left_on_the_connection(database: Database) -> None:
    what = scenario({"rows": "SELECT current_setting('row_security') AS off, current_user AS who"})
    await rows(database, what, 0)

    async def after(connection: Connection) -> tuple[str, str, int]:
        row = await connection.fetchrow(
            "SELECT current_setting('row_security'), current_user, (SELECT count(*) FROM pg_prepared_statements)"
        )
        return tuple(row)

    async with database.reading() as connection:
        await connection.execute("COMMIT")
        assert await after(connection) == ("on", "role_admin", 0)
        await connection.execute("BEGIN")


@pytest.mark.parametrize(
    "dsn", ["postgresql://r:s3cret@127.0.0.1:9/x", "nonsense s3cret", "postgresql://r:s3cret@[::1/x", ""]
)
async def test_a_dsn_that_leads_nowhere_is_told_without_its_password(dsn: str) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        await connect(dsn)
    assert "s3cret" not in caught.value.message + caught.value.advice


def test_a_place_leaves_the_password_out() -> None:
    assert place("postgresql://role:s3cret@db.example:5432/pets?sslmode=require") == "role@db.example:5432/pets"


async def test_a_wrong_password_says_so(pets_stack: EmbeddedStack) -> None:
    wrong = pets_stack.database.replace("role_admin:", "role_admin:not", 1)
    with pytest.raises(EnvironmentProblem, match="password authentication failed") as caught:
        await connect(wrong)
    assert "password" in caught.value.advice
    assert isinstance(caught.value.__context__, asyncpg.PostgresError)
