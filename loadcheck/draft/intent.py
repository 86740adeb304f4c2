"""What the policies of a table are meant to let through, as SQL for the oracle: claims become `:name`s."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import postgast
from google.protobuf.message import DecodeError
from postgast.pg_query_pb2 import (
    SVFOP_CURRENT_ROLE,
    SVFOP_CURRENT_USER,
    SVFOP_SESSION_USER,
    SVFOP_USER,
)

from loadcheck.doctor.catalogue import Catalogue, Policy, Relation, settings_read
from loadcheck.draft.claims import Claim, claims_of, path_of, relation_name, setting_of
from loadcheck.draft.functions import inline
from loadcheck.draft.tree import (
    Names,
    Tree,
    below,
    called,
    expression,
    kind,
    operator,
    query,
    replace,
    selected,
    uncast,
    walk,
)

_READING: Final = frozenset({"r", "*"})
_WHO: Final = frozenset({SVFOP_CURRENT_ROLE, SVFOP_CURRENT_USER, SVFOP_USER})


class Unclear(Exception):
    """A policy says something that the oracle cannot be asked in its place; the message tells what."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What a table's policies let a caller read.

    Attributes:
        where: The condition, with `:name`s for claims; `true` for every row.
        claims: For each policy, the claims that it reads, which a caller needs all of.
        unclear: Why there is no condition; empty where there is one.
    """

    where: str
    claims: tuple[tuple[Claim, ...], ...] = ()
    unclear: str = ""


class Intents:
    """Reads the intents of a database's policies.

    Args:
        catalogue: What the database holds.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._functions = catalogue.functions
        self._relations = {relation.name: relation for relation in catalogue.relations}
        self._under_way: list[str] = []

    def of(self, relation: Relation) -> Intent:
        """Return what the policies of a table let a caller read."""
        if not relation.bound:
            return Intent("true")
        claims = [found for policy in _reading(relation) if (found := self._claims(policy, relation))]
        try:
            return Intent(self._where(relation), tuple(claims))
        except Unclear as reason:
            return Intent("", tuple(claims), str(reason))
        except (postgast.PgQueryError, DecodeError):
            return Intent("", tuple(claims), "a policy cannot be taken apart")

    def _claims(self, policy: Policy, relation: Relation) -> tuple[Claim, ...]:
        try:
            tree = expression(policy.using)
            inline(tree, self._functions)
        except (postgast.PgQueryError, DecodeError):
            return ()
        return tuple(claim for claim in claims_of(tree, relation.name) if claim.path != ("role",))

    def _where(self, relation: Relation) -> str:
        """Return a condition: any of the permissive policies, and all of the restrictive ones."""
        if relation.name in self._under_way:
            raise Unclear(f"the policies of {relation.name} ask {relation.name} itself")
        self._under_way.append(relation.name)
        try:
            permissive = [self._condition(policy) for policy in _reading(relation) if policy.permissive]
            restrictive = [self._condition(policy) for policy in _reading(relation) if not policy.permissive]
        finally:
            self._under_way.pop()
        return _joined("AND", [_joined("OR", permissive or ["false"]), *restrictive])

    def _condition(self, policy: Policy) -> str:
        names = Names()
        tree = expression(policy.using)
        self._secure(tree, names)
        inline(tree, self._functions)
        _bind(tree, names)
        self._refuse_unclear(tree)
        return names.written(tree)

    def _secure(self, tree: Tree, names: Names) -> None:
        """Let a subselect of a table under row security read what its own policies let through."""
        for node in list(walk(tree)):
            if kind(node) == "range_var":
                relation = self._relations.get(relation_name(node.range_var))
                if relation is not None and relation.bound:
                    replace(node, self._secured(relation, node.range_var.alias.aliasname, names))

    def _secured(self, relation: Relation, alias: str, names: Names) -> Tree:
        where = names.parsed(self._where(relation))
        named = alias or relation.name.rpartition(".")[2]
        node = query(f"SELECT FROM (SELECT * FROM {relation.name} WHERE true) AS {named}").from_clause[0]  # noqa: S608 -- names from the catalogue
        node.range_subselect.subquery.select_stmt.where_clause.CopyFrom(where)
        return node

    def _refuse_unclear(self, tree: Tree) -> None:
        for node in walk(tree):
            if (setting := setting_of(node)) is not None:
                raise Unclear(f"a policy reads the setting {setting or 'of a name that it works out'}")
            if kind(node) == "sqlvalue_function" and node.sqlvalue_function.op == SVFOP_SESSION_USER:
                raise Unclear("a policy asks for session_user")
            for function in self._functions:
                if function.name.partition("(")[0] == called(node) and self._depends(function.source):
                    raise Unclear(f"a policy calls {function.name}, which does more than return one expression")

    def _depends(self, source: str) -> bool:
        """Tell whether what a function returns may depend on who asks."""
        lower = source.lower()
        tables = any(one.bound and one.path in lower for one in self._relations.values())
        return bool(settings_read(source)) or "current_user" in lower or "current_role" in lower or tables


def _reading(relation: Relation) -> Iterator[Policy]:
    return (policy for policy in relation.policies if policy.command in _READING and policy.using)


def _joined(word: str, conditions: list[str]) -> str:
    return conditions[0] if len(conditions) == 1 else f" {word} ".join(f"({one})" for one in conditions)


def _bind(node: Tree, names: Names) -> None:
    """Put `:name`s in the place of what a caller's claims and role are read from."""
    found = _bound(node)
    if found is not None:
        replace(node, names.parsed(found))
        return
    if (value := selected(node)) is not None and path_of(uncast(value)) is not None:
        replace(node, value)
    if kind(node) == "type_cast" and (text := _needless(node)) is not None:
        replace(node, text)
    for child in below(node):
        _bind(child, names)


def _needless(node: Tree) -> Tree | None:
    """Return a text constant without the cast that PostgreSQL writes with it."""
    is_text = node.type_cast.type_name.names[-1].string.sval == "text"
    return node.type_cast.arg if is_text and kind(node.type_cast.arg) == "a_const" else None


def _bound(node: Tree) -> str | None:
    if setting_of(node) == "role" or (kind(node) == "sqlvalue_function" and node.sqlvalue_function.op in _WHO):
        return ":role"
    path = path_of(node)
    if path == ():
        cast = node.type_cast.type_name.names[-1].string.sval if kind(node) == "type_cast" else "text"
        return ":claims" if cast == "jsonb" else f":claims::{cast}"
    one = path is not None and len(path) == 1 and path[0].isidentifier()
    return f":{path[0]}" if path and one and operator(node) not in {"->", "#>"} else None
