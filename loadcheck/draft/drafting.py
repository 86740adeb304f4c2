"""A target and its database looked at, and a first scenario for them drafted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg

from loadcheck.clock import Clock
from loadcheck.doctor.catalogue import Catalogue, Relation
from loadcheck.doctor.reading import read_catalogue
from loadcheck.draft.description import Description, Served, describe
from loadcheck.draft.identities import mixes
from loadcheck.draft.intent import Intent, Intents
from loadcheck.draft.writing import Asked, Draft
from loadcheck.engine.transports import transport_to
from loadcheck.errors import EnvironmentProblem
from loadcheck.identity.population import Identity
from loadcheck.identity.tokens import Mint
from loadcheck.oracle.database import Database, sql_problem
from loadcheck.scenario.binding import bind
from loadcheck.scenario.target import Target

_LIMIT: Final = 200  # rows of an answer; more would be the same policy again
_WRITING: Final = frozenset({"INSERT", "UPDATE", "DELETE"})
_ITSELF: Final = "it only holds the policy against itself, alone on a fresh connection"

# Roles that requests may run as: row security binds them, they own no table, and may read one. Those that policies
# name and that may read the most come first; an anonymous role, by its usual name, last.
_ROLES: Final = """
    SELECT r.rolname FROM pg_roles r, LATERAL (
        SELECT count(*) AS tables FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm')
            AND c.relnamespace::regnamespace::text = ANY($1::text[])
            AND has_any_column_privilege(r.oid, c.oid, 'SELECT')
    ) readable
    WHERE NOT r.rolsuper AND NOT r.rolbypassrls AND r.rolname !~ '^pg_' AND readable.tables > 0
        AND NOT EXISTS (SELECT FROM pg_class WHERE relowner = r.oid AND relkind IN ('r', 'p'))
    ORDER BY r.rolname = 'anon', EXISTS (SELECT FROM pg_policy WHERE r.oid = ANY(polroles)) DESC,
        readable.tables DESC, r.rolname"""


@dataclass(frozen=True, slots=True)
class Place:
    """What is looked at.

    Attributes:
        target: With its url, database and key.
        schema: The one that PostgREST serves.
        role: What requests run as; empty to find it out.
        sql: The embedded stack's files; empty for a target of the user's own.
    """

    target: Target = field(repr=False)
    schema: str
    role: str
    sql: Sequence[str]


async def draft(place: Place, name: str, folder: Path, clock: Clock) -> Draft:
    """Look, read only, and draft.

    Args:
        place: Where.
        name: The scenario's.
        folder: What files of a key are relative to.
        clock: Tells the time.

    Raises:
        LoadcheckError: the target or the database cannot be asked, or nothing is found to be tested.
    """
    database = Database(place.target.database.get_secret_value())
    try:
        roles = await _roles(database, place)
        catalogue = await read_catalogue(database, clock, roles[:1], [place.schema])
        described = await _described(place, roles[0], folder, clock)
        return await _Drafting(database, catalogue, described).draft(place, name, roles)
    except asyncpg.PostgresError as error:
        raise EnvironmentProblem(f"PostgreSQL says: {sql_problem(error)}", "Check --database and --role.") from None
    finally:
        await database.close()


async def _roles(database: Database, place: Place) -> list[str]:
    async with database.reading() as connection:
        found = [record[0] for record in await connection.fetch(_ROLES, [place.schema])]
    if place.role:
        return [place.role, *(role for role in found if role != place.role)]
    if not found:
        raise EnvironmentProblem(
            f"no role that row security binds may read a table of schema {place.schema}",
            "Name it by --role, or the schema by --schema.",
        )
    return found


async def _described(place: Place, role: str, folder: Path, clock: Clock) -> Description:
    token = Mint(place.target.jwt, folder, clock).token(Identity(0, 0, "init", {"role": role}, {}))
    transport = transport_to(place.target, clock)
    try:
        return await describe(transport, place.target, place.schema, token or "")
    finally:
        await transport.close()


@dataclass(frozen=True, slots=True)
class _Drafting:
    """Everything that was seen, on its way to a scenario."""

    database: Database
    catalogue: Catalogue
    described: Description

    async def draft(self, place: Place, name: str, roles: Sequence[str]) -> Draft:
        relations = {one.path: one for one in self.catalogue.relations if one.exposed}
        found = [(served, relations[served.path]) for served in self.described.tables if served.path in relations]
        if not found:
            raise EnvironmentProblem(
                f"{place.target.url} serves no table of schema {place.schema} to {roles[0]}",
                "Name the role by --role, the schema by --schema; or grant the role something.\n"
                "If the tables are new, PostgREST must read the schema again: SIGUSR1, or a new start.",
            )
        reader = Intents(self.catalogue)
        intents = {served.path: await self._proven(served, one, reader.of(one)) for served, one in found}
        who = mixes(intents.values(), roles[0])
        refused = {mix: mistake for mix in who if mix.source and (mistake := await self._mistake(mix.source))}
        plain = [(served, one) for served, one in found if served.plain]
        return Draft(
            name=name,
            role=roles[0],
            owner=found[0][1].owner,
            schema=place.schema,
            profile=self.described.profile,
            sql=place.sql,
            mixes=[mix for mix in who if mix not in refused],
            requests=[_asked(served, one, intents[served.path]) for served, one in plain],
            anonymous=self.described.anonymous,
            notes=[
                *(f"{mix.name} is left out: {mistake}" for mix, mistake in refused.items()),
                *self._notes(roles, found),
            ],
        )

    async def _proven(self, served: Served, relation: Relation, intent: Intent) -> Intent:
        """Return an intent whose condition PostgreSQL takes, or that says why it does not."""
        if intent.unclear or not served.plain:
            return intent
        mistake = await self._mistake(_select(served, relation, intent.where))
        return Intent("", intent.claims, mistake) if mistake else intent

    async def _mistake(self, sql: str) -> str:
        """Return what PostgreSQL refuses of a statement; empty when it takes it."""
        bound = bind(sql)
        try:
            async with self.database.reading() as connection:
                await connection.fetch(f"EXPLAIN {bound.sql}", *[None] * len(bound.names))
        except asyncpg.PostgresError as error:
            return f"PostgreSQL says: {sql_problem(error)}"
        return ""

    def _notes(self, roles: Sequence[str], found: Sequence[tuple[Served, Relation]]) -> Iterator[str]:
        if len(roles) > 1:
            yield f"requests may also run as {', '.join(roles[1:])}: identities for them?"
        for served in self.described.tables:
            if not served.plain:
                yield f"{served.path} has names that need quotes: write its request by hand."
        writable = [served.path for served, one in found if {*one.granted} & _WRITING]
        if writable:
            named = f" (with the header Content-Profile: {self.described.profile})" if self.described.profile else ""
            yield f"no request writes; these may be written to{named}: {', '.join(writable)}."
        if self.described.functions:
            yield f"no request calls a function: {', '.join(f'/rpc/{name}' for name in self.described.functions)}."


def _asked(served: Served, relation: Relation, intent: Intent) -> Asked:
    order = f"&order={','.join(served.key)}&limit={_LIMIT}" if served.key else ""
    path = f"/{served.path}?select={','.join(served.columns)}{order}"
    if not relation.is_table:
        return Asked(served.path, path, "rows_as_identity", _select(served, relation, "true"), _of_view(relation))
    if intent.unclear:
        why = f"{intent.unclear}. What should a caller see? {_ITSELF}"
        return Asked(served.path, path, "rows_as_identity", _select(served, relation, "true"), why)
    if intent.where == "false":
        return Asked(served.path, path, "rows", "", "no policy lets anybody read it: is that meant?")
    sql = _select(served, relation, intent.where)
    return Asked(served.path, path, "rows", sql, "" if intent.claims else _of_everybody(relation, intent))


def _of_view(relation: Relation) -> str:
    if relation.kind == "v" and relation.invoker:
        return f"a view; what should a caller see? {_ITSELF}"
    return f"it reads as {relation.owner}, past the policies of its tables: is that meant? {_ITSELF}"


def _of_everybody(relation: Relation, intent: Intent) -> str:
    if not relation.bound:
        return "row security does not bind here: is all of it meant for everybody?"
    return "everybody reads every row: is that meant?" if intent.where == "true" else ""


def _select(served: Served, relation: Relation, where: str) -> str:
    condition = "" if where == "true" else f" WHERE {where}"
    order = f" ORDER BY {', '.join(served.key)} LIMIT {_LIMIT}" if served.key else ""
    return f"SELECT {', '.join(served.columns)} FROM {relation.name}{condition}{order}"  # noqa: S608 -- names from the catalogue
