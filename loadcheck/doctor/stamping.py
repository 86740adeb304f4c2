"""The stamp on a target: the SQL that installs it, that takes it away again, and what was there before.

PostgREST is told by its in-database configuration
(https://docs.postgrest.org/en/v12/references/configuration.html#in-database-configuration), for its role in this
database alone, so that nothing that was set for it elsewhere is touched. What was there before is kept in a comment on
the stamp's schema.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

from loadcheck.errors import EnvironmentProblem, UsageProblem
from loadcheck.oracle.database import Connection
from loadcheck.oracle.stamp import FUNCTION, OF_A_STACK, stamp_sql

_SETTING: Final = "pgrst.db_pre_request"
_MARK: Final = "loadcheck's stamp "

_COMMENT: Final = "SELECT to_regnamespace('loadcheck') IS NOT NULL, obj_description(to_regnamespace('loadcheck'))"
_CONFIGURED: Final = "SELECT DISTINCT setrole::regrole::text FROM pg_db_role_setting WHERE setconfig::text ~ 'pgrst\\.'"
_LOGGED_IN: Final = """
    SELECT DISTINCT quote_ident(usename) FROM pg_stat_activity
    WHERE application_name ILIKE 'postgrest%' AND datname = current_database()"""
_SET: Final = f"""
    SELECT setdatabase <> 0, substr(setting, {len(_SETTING) + 2}) FROM pg_db_role_setting, unnest(setconfig) setting
    WHERE setrole = to_regrole($1) AND starts_with(setting, '{_SETTING}=')
        AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    ORDER BY setdatabase"""  # noqa: S608 -- constants
_FUNCTION: Final = """
    SELECT quote_ident(nspname) || '.' || quote_ident(proname)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
    WHERE pronargs = 0 AND $1 IN (nspname || '.' || proname, quote_ident(nspname) || '.' || quote_ident(proname))"""


@dataclass(frozen=True, slots=True)
class Before:
    """What the stamp found, and what it takes to put it back.

    Attributes:
        role: What PostgREST logs in as, quoted as SQL needs it.
        was: What the role's setting in this database was; None when it had none.
        calls: The pre-request function that runs before the stamp is written; empty when there is none.
    """

    role: str
    was: str | None
    calls: str


@dataclass(frozen=True, slots=True)
class Stamping:
    """How the stamp goes into one database and out of it.

    Attributes:
        database: Its name, quoted as SQL needs it.
        before: What was there before.
        installed: Whether the stamp is there.
    """

    database: str
    before: Before
    installed: bool

    @property
    def install_sql(self) -> str:
        """SQL that makes the stamp, or makes it anew."""
        mark = _MARK + orjson.dumps(asdict(self.before)).decode()
        return "\n".join(
            [
                "BEGIN;",
                stamp_sql(self.before.calls).strip(),
                f"COMMENT ON SCHEMA loadcheck IS {_literal(mark)};",
                self._set(FUNCTION),
                _RELOAD,
                "COMMIT;",
            ]
        )

    @property
    def release_sql(self) -> str:
        """SQL after which PostgREST calls what it called before."""
        again = self._reset if self.before.was is None else self._set(self.before.was)
        return f"BEGIN;\n{again}\n{_RELOAD}\nCOMMIT;"

    @property
    def drop_sql(self) -> str:
        """SQL that takes away what was made, once PostgREST calls it no more."""
        return f"BEGIN;\nDROP FUNCTION {FUNCTION}();\nDROP SCHEMA loadcheck;\nCOMMIT;"

    def _set(self, function: str) -> str:
        return f"{self._alter} SET {_SETTING} = {_literal(function)};"

    @property
    def _reset(self) -> str:
        return f"{self._alter} RESET {_SETTING};"

    @property
    def _alter(self) -> str:
        return f"ALTER ROLE {self.before.role} IN DATABASE {self.database}"


async def find(connection: Connection, role: str | None, pre_request: str | None, presumed: str) -> Stamping:
    """Look at what is there now.

    Args:
        connection: To the target's database.
        role: What PostgREST logs in as; None to find it out.
        pre_request: Its own pre-request function; None to find it out.
        presumed: The function that the scenario names for it; empty when it names none.

    Raises:
        UsageProblem: the role or function is not there, or cannot be found out; or it is an embedded stack's stamp.
        EnvironmentProblem: somebody else's schema has the stamp's name.
    """
    database = await connection.fetchval("SELECT quote_ident(current_database())")
    there, comment = await connection.fetchrow(_COMMENT)
    if comment == OF_A_STACK:
        raise UsageProblem(
            "the stamp there is an embedded stack's own, and stays for as long as that does",
            "To try it on a stack without one: loadcheck up SCENARIO --set stack.stamp=false",
        )
    if there and not (comment or "").startswith(_MARK):
        raise EnvironmentProblem("there is a schema loadcheck that loadcheck did not make", "Nothing was changed.")
    if there:
        kept = Before(**orjson.loads(comment.removeprefix(_MARK)))
        calls = kept.calls if pre_request is None else await _function(connection, pre_request)
        return Stamping(database, Before(kept.role, kept.was, calls), installed=True)
    role = await _role(connection, role)
    # A setting that outlived the stamp itself names nothing to go back to.
    values = {here: value for here, value in await connection.fetch(_SET, role) if value != FUNCTION}
    current = values.get(True, values.get(False, presumed)) if pre_request is None else pre_request
    calls = await _function(connection, current) if current else ""
    return Stamping(database, Before(role, values.get(True), calls), installed=False)


async def _role(connection: Connection, given: str | None) -> str:
    if given is not None:
        found = await connection.fetchval("SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = $1", given)
        if found is None:
            raise UsageProblem(f"--login-role: there is no role {given!r}", "Name what PostgREST's db-uri logs in as.")
        return str(found)
    for question in (_CONFIGURED, _LOGGED_IN):
        names = [str(record[0]) for record in await connection.fetch(question)]
        if len(names) == 1:
            return names[0]
    raise UsageProblem("which role PostgREST logs in as cannot be found out", "Give it by --login-role.")


async def _function(connection: Connection, name: str) -> str:
    found: Any = await connection.fetchval(_FUNCTION, name)
    if found is None:
        raise UsageProblem(
            f"there is no pre-request function {name} without arguments",
            "Give PostgREST's db-pre-request by --pre-request, with its schema: hooks.before. An empty one is none.",
        )
    return str(found)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_RELOAD: Final = "NOTIFY pgrst, 'reload config';"
