"""What PostgreSQL's catalogue knows of a finding's suspects."""

from typing import Final

from loadcheck.oracle.database import Database
from loadcheck.oracle.suspects import Thing

_RELATIONS: Final = """
    SELECT c.relname, c.oid::regclass::text AS label,
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) ELSE '' END AS text,
        coalesce((
            SELECT string_agg(concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), ' ')
            FROM pg_policy WHERE polrelid = c.oid), '') AS rules,
        CASE
        WHEN c.relkind = 'm' THEN 'materialized view ' || c.oid::regclass || ': row security does not reach it'
        WHEN c.relkind = 'v' AND NOT coalesce(c.reloptions::text ~ 'security_invoker=(true|on|1)', false)
            THEN 'view ' || c.oid::regclass || ': without security_invoker it reads as its owner'
        WHEN c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
            THEN 'table ' || c.oid::regclass || ': row security is not enabled'
        WHEN c.relkind IN ('r', 'p') AND NOT c.relforcerowsecurity AND pg_get_userbyid(c.relowner) = $1
            THEN 'table ' || c.oid::regclass || ': ' || $1 || ' owns it, and row security is not forced'
        ELSE '' END AS hole
    FROM pg_class c
    WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
    ORDER BY 2"""

_FUNCTIONS: Final = """
    SELECT p.proname, p.oid::regprocedure::text AS label, pg_get_functiondef(p.oid) AS text,
        CASE WHEN p.prosecdef
            THEN 'function ' || p.oid::regprocedure || ': SECURITY DEFINER, it reads as its owner'
            ELSE '' END AS hole,
        p.provolatile = 'i' AS immutable
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang AND l.lanname NOT IN ('c', 'internal')
    WHERE p.prokind IN ('f', 'p') AND p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)' ORDER BY 2"""

_POLICIES: Final = """
    SELECT polname, pg_get_expr(polqual, polrelid) AS condition
    FROM pg_policy WHERE polrelid = $1::text::regclass AND polcmd IN ('r', '*') AND polpermissive ORDER BY 1"""

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


async def things(database: Database, role: str) -> list[Thing]:
    """Return the relations and functions that are not PostgreSQL's own.

    Args:
        database: Where they are.
        role: The role that requests run as.
    """
    async with database.reading() as connection:
        relations = await connection.fetch(_RELATIONS, role)
        functions = await connection.fetch(_FUNCTIONS)
    return [
        *(Thing(name, label, text, rules=rules, hole=hole) for name, label, text, rules, hole in relations),
        *(
            Thing(name, label, text, called=True, hole=hole, immutable=immutable)
            for name, label, text, hole, immutable in functions
        ),
    ]


async def policies(database: Database, relation: str) -> list[tuple[str, str]]:
    """Return the name and the condition of each policy that lets rows of a table be read; its name is quoted."""
    async with database.reading() as connection:
        return [(name, condition) for name, condition in await connection.fetch(_POLICIES, relation)]


async def write_holes(database: Database, relation: str) -> list[str]:
    """Return the policies that let every write to a table through; its name is quoted as in SQL."""
    async with database.reading() as connection:
        return [record[0] for record in await connection.fetch(_WRITE_HOLES, relation)]


async def meddlers(database: Database, relation: str) -> list[str]:
    """Return the triggers and rules that may drop or change what is written to a table, by its name in SQL."""
    async with database.reading() as connection:
        return [record[0] for record in await connection.fetch(_MEDDLERS, relation)]
