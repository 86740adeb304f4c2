"""Reads the catalogue's facts: a few queries in one read-only transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from loadcheck.clock import Clock
from loadcheck.doctor.catalogue import Catalogue, Function, Policy, Relation, Role
from loadcheck.oracle.database import Connection, Database

T = TypeVar("T")

_OURS: Final = "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'loadcheck')"

_ROLES: Final = """
    SELECT rolname AS name, rolsuper AS superuser, rolbypassrls AS bypass
    FROM pg_roles WHERE rolname = ANY($1::text[]) ORDER BY 1"""

_POLICIES: Final = """
    SELECT polrelid::regclass::text AS "table", polname AS name, polpermissive AS permissive,
        polcmd::text AS command,
        coalesce(pg_get_expr(polqual, polrelid), '') AS "using",
        coalesce(pg_get_expr(polwithcheck, polrelid), '') AS "check",
        ARRAY(SELECT DISTINCT refobjid::regprocedure::text FROM pg_depend
            WHERE classid = 'pg_policy'::regclass AND objid = p.oid AND refclassid = 'pg_proc'::regclass) AS calls
    FROM pg_policy p
    WHERE EXISTS (SELECT FROM unnest($1::text[]) role, unnest(polroles) bound
        WHERE bound = 0 OR pg_has_role(role, bound, 'USAGE'))
    ORDER BY 1, 2"""

_RELATIONS: Final = f"""
    SELECT c.oid::regclass::text AS name, c.relname AS path, c.relkind::text AS kind,
        n.nspname = ANY($2::text[]) AS exposed, o.rolname AS owner, o.rolsuper OR o.rolbypassrls AS owner_free,
        EXISTS (SELECT FROM unnest($1::text[]) role WHERE pg_has_role(role, c.relowner, 'USAGE')) AS owned,
        c.relrowsecurity AS secured, c.relforcerowsecurity AS forced,
        coalesce(c.reloptions::text ~* 'security_invoker=(true|on|1|yes)', false) AS invoker,
        ARRAY(SELECT DISTINCT privilege FROM unnest($1::text[]) role,
            unnest('{{SELECT,INSERT,UPDATE,DELETE}}'::text[]) privilege
            WHERE has_schema_privilege(role, n.oid, 'USAGE') AND CASE privilege
                WHEN 'DELETE' THEN has_table_privilege(role, c.oid, privilege)
                ELSE has_any_column_privilege(role, c.oid, privilege) END ORDER BY 1) AS granted,
        ARRAY(SELECT DISTINCT d.refobjid::regclass::text FROM pg_rewrite r
            JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
            WHERE r.ev_class = c.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid) AS reads,
        ARRAY(SELECT DISTINCT confrelid::regclass::text FROM pg_constraint
            WHERE conrelid = c.oid AND contype = 'f' AND confrelid <> c.oid) AS parents
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_OURS} AND NOT c.relispartition
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e') ORDER BY 1"""  # noqa: S608 -- a constant

_FUNCTIONS: Final = f"""
    SELECT p.oid::regprocedure::text AS name, p.proname AS path, p.provolatile::text AS volatility,
        p.prosecdef AS definer, pg_get_userbyid(p.proowner) AS owner, pg_get_functiondef(p.oid) AS source,
        n.nspname = ANY($2::text[]) AND p.prorettype <> 'trigger'::regtype
            AND EXISTS (SELECT FROM unnest($1::text[]) role WHERE has_schema_privilege(role, n.oid, 'USAGE')
                AND has_function_privilege(role, p.oid, 'EXECUTE')) AS exposed
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p') AND {_OURS}
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e') ORDER BY 1"""  # noqa: S608 -- a constant

_HIDDEN: Final = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind IN ('r', 'p') AND relrowsecurity AND row_security_active(oid) ORDER BY 1"""

# What is set for a role in this database wins over what is set for it everywhere, as PostgREST has it.
_SETTINGS: Final = """
    SELECT substr(split_part(setting, '=', 1), 7), substr(setting, strpos(setting, '=') + 1)
    FROM pg_db_role_setting, unnest(setconfig) setting
    WHERE setting LIKE 'pgrst.%' AND setrole <> 0
        AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    ORDER BY setdatabase"""


async def read_catalogue(database: Database, clock: Clock, roles: Sequence[str], schemas: Sequence[str]) -> Catalogue:
    """Read everything that the checks need.

    Args:
        database: Where; its role should see every row.
        clock: What PostgreSQL's is compared with.
        roles: Those that requests run as.
        schemas: Those that PostgREST serves, where its in-database configuration does not tell.

    Raises:
        EnvironmentProblem: there is no way to connect.
    """
    async with database.reading() as connection:
        settings: dict[str, str] = dict(await connection.fetch(_SETTINGS))
        served = [name.strip() for name in settings.get("db_schemas", ",".join(schemas)).split(",")]
        known = await _rows(connection, Role, _ROLES, list(roles))
        names = [role.name for role in known]
        return Catalogue(
            version=await connection.fetchval("SHOW server_version"),
            ahead=await _ahead(connection, clock),
            oracle=await connection.fetchval("SELECT current_user"),
            hidden=tuple(record[0] for record in await connection.fetch(_HIDDEN)),
            asked=tuple(roles),
            roles=known,
            relations=await _relations(connection, names, served),
            functions=await _rows(connection, Function, _FUNCTIONS, names, served),
            settings=settings,
        )


async def _ahead(connection: Connection, clock: Clock) -> float:
    before = clock.wall()
    theirs = float(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())"))
    return theirs - (before + clock.wall()) / 2


async def _relations(connection: Connection, roles: list[str], schemas: list[str]) -> tuple[Relation, ...]:
    policies: dict[str, list[Policy]] = {}
    for record in await connection.fetch(_POLICIES, roles):
        policies.setdefault(record["table"], []).append(_made(Policy, record))
    rows = await connection.fetch(_RELATIONS, roles, schemas)
    return tuple(_made(Relation, {**row, "policies": tuple(policies.get(row["name"], ()))}) for row in rows)


async def _rows(connection: Connection, kind: type[T], sql: str, *arguments: list[str]) -> tuple[T, ...]:
    return tuple(_made(kind, record) for record in await connection.fetch(sql, *arguments))


def _made(kind: type[T], row: Mapping[str, Any]) -> T:
    """Make a frozen record of a row: lists become tuples, and a column without a field is left out."""
    names = kind.__annotations__
    return kind(**{name: tuple(row[name]) if isinstance(row[name], list) else row[name] for name in names})
