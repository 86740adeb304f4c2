"""What PostgreSQL's catalogue knows of a finding's suspects."""

from typing import Final

from loadcheck.oracle.database import Database

# A policy, or a function that anybody may call, that goes through a function marked IMMUTABLE which reads settings.
_IMMUTABLE: Final = r"""
    SELECT 'IMMUTABLE function ' || p.oid::regprocedure FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname !~ '^(pg_|information_schema)'
    WHERE p.provolatile = 'i' AND p.prosrc ~* 'current_setting' ORDER BY 1"""

_RELATION_HOLES: Final = """
    SELECT CASE
        WHEN c.relkind = 'm' THEN 'materialized view ' || c.oid::regclass || ': row security does not reach it'
        WHEN c.relkind = 'v' AND NOT coalesce(c.reloptions::text ~ 'security_invoker=(true|on|1)', false)
            THEN 'view ' || c.oid::regclass || ': without security_invoker it reads as its owner'
        WHEN c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
            THEN 'table ' || c.oid::regclass || ': row security is not enabled'
        WHEN c.relkind IN ('r', 'p') AND NOT c.relforcerowsecurity AND pg_get_userbyid(c.relowner) = $2
            THEN 'table ' || c.oid::regclass || ': ' || $2 || ' owns it, and row security is not forced'
        WHEN c.relkind IN ('r', 'p') THEN 'policies of table ' || c.oid::regclass
        END
    FROM pg_class c WHERE c.relname = ANY($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm')
        AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'"""

_FUNCTION_HOLES: Final = """
    SELECT 'function ' || p.oid::regprocedure || ': SECURITY DEFINER, it reads as its owner' FROM pg_proc p
    WHERE p.proname = ANY($1::text[]) AND p.prosecdef"""


# A condition of `true` in the one policy for a command, or in one of several, which are joined by OR.
_WRITE_HOLES: Final = """
    SELECT 'policy ' || quote_ident(policyname) || ' for ' || lower(cmd) || CASE
        WHEN with_check = 'true' THEN ' with check (true)' ELSE ' using (true)' END
    FROM pg_policies
    WHERE format('%I.%I', schemaname, tablename)::regclass = $1::text::regclass AND permissive = 'PERMISSIVE'
        AND (with_check = 'true' OR (qual = 'true' AND cmd IN ('UPDATE', 'DELETE', 'ALL'))) ORDER BY 1"""

_MEDDLERS: Final = """
    SELECT 'trigger ' || quote_ident(tgname) || ' calls ' || tgfoid::regprocedure FROM pg_trigger
    WHERE tgrelid = $1::text::regclass AND NOT tgisinternal AND tgenabled <> 'D'
    UNION ALL SELECT 'rule ' || quote_ident(rulename) FROM pg_rewrite
    WHERE ev_class = $1::text::regclass AND ev_type <> '1' AND ev_enabled <> 'D' ORDER BY 1"""


async def immutable_readers(database: Database) -> list[str]:
    """Return the functions that are marked IMMUTABLE and read settings: plans keep what they once returned."""
    async with database.reading() as connection:
        return [record[0] for record in await connection.fetch(_IMMUTABLE)]


async def holes(database: Database, names: list[str], role: str) -> list[str]:
    """Return what lets rows through whoever asks.

    Args:
        database: Where they are.
        names: Of the tables, views and functions that a request names.
        role: The role that requests run as.
    """
    async with database.reading() as connection:
        relations = await connection.fetch(_RELATION_HOLES, names, role)
        functions = await connection.fetch(_FUNCTION_HOLES, names)
    return [record[0] for record in (*functions, *relations) if record[0]]


async def write_holes(database: Database, relation: str) -> list[str]:
    """Return the policies that let every write to a table through; its name is quoted as in SQL."""
    async with database.reading() as connection:
        return [record[0] for record in await connection.fetch(_WRITE_HOLES, relation)]


async def meddlers(database: Database, relation: str) -> list[str]:
    """Return the triggers and rules that may drop or change what is written to a table, by its name in SQL."""
    async with database.reading() as connection:
        return [record[0] for record in await connection.fetch(_MEDDLERS, relation)]
