"""Which claims an expression reads, and what it compares them with."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from postgast.pg_query_pb2 import AEXPR_NULLIF

from loadcheck.draft.tree import Tree, below, called, constant, kind, operator, selected, uncast, walk

_ALL: Final = frozenset({"request.jwt.claims", "request.jwt.claim"})
_ONE: Final = "request.jwt.claim."  # one setting a claim, as PostgREST had it before version 9
_STEPS: Final = frozenset({"->", "->>"})
_PATHS: Final = frozenset({"#>", "#>>"})
_EQUAL: Final = frozenset({"=", "?", "?|", "?&", "@>", "<@"})
_CONTAINS: Final = _EQUAL - {"="}
_ELEMENTS: Final = "array_elements"

Path = tuple[str, ...]
"""The keys that lead to a claim; of one on top of the token there is one."""

Scope = Mapping[str, str]
"""The relations that an expression's columns are of, by the name that they have there."""


@dataclass(frozen=True, slots=True, order=True)
class Column:
    """A column of a relation, as SQL names both."""

    relation: str
    name: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that a policy reads.

    Attributes:
        path: The keys that lead to it.
        columns: Those that it is compared with.
        values: The constants that it is compared with.
        listed: Whether it holds a list.
    """

    path: Path
    columns: tuple[Column, ...] = ()
    values: tuple[str, ...] = ()
    listed: bool = False

    @property
    def name(self) -> str:
        """Its last key, which names it among its token's claims."""
        return self.path[-1]

    def merged(self, other: "Claim") -> "Claim":
        """Return what both tell of it."""
        columns = tuple(dict.fromkeys((*self.columns, *other.columns)))
        values = tuple(dict.fromkeys((*self.values, *other.values)))
        return Claim(self.path, columns, values, self.listed or other.listed)


def merged(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Return each claim once."""
    found: dict[Path, Claim] = {}
    for claim in claims:
        found[claim.path] = found[claim.path].merged(claim) if claim.path in found else claim
    return tuple(found.values())


def claims_of(node: Tree, relation: str) -> tuple[Claim, ...]:
    """Return the claims that an expression about a relation's rows reads, each with what it is compared with."""
    return merged([*map(Claim, _paths(node)), *_compared(node, {"": relation, relation.rpartition(".")[2]: relation})])


def path_of(node: Tree) -> Path | None:
    """Return the path of the claim that a node stands for, `()` for all claims; None for anything else."""
    if (value := selected(node)) is not None:
        return path_of(value)
    match kind(node):
        case "func_call":
            return _of_setting(node)
        case "type_cast":
            return () if path_of(node.type_cast.arg) == () else None
        case "a_expr":
            return _of_operator(node)
        case "coalesce_expr":
            paths = {_whole(part) for part in node.coalesce_expr.args}
            return paths.pop() if len(paths) == 1 else None
    return None


def setting_of(node: Tree) -> str | None:
    """Return the setting that a node reads; None where it reads none, `""` where its name is worked out."""
    if called(node) != "current_setting":
        return None
    return constant(node.func_call.args[0]) or ""


def _of_setting(node: Tree) -> Path | None:
    setting = setting_of(node) or ""
    if setting in _ALL:
        return ()
    return (setting.removeprefix(_ONE),) if setting.startswith(_ONE) else None


def _of_operator(node: Tree) -> Path | None:
    if _is_nullif(node):
        return () if path_of(node.a_expr.lexpr) == () else None
    before = path_of(node.a_expr.lexpr) if operator(node) in _STEPS | _PATHS else None
    key = constant(node.a_expr.rexpr)
    if before is None or key is None:
        return None
    return (*before, *(key.strip("{}").split(",") if operator(node) in _PATHS else (key,)))


def _whole(node: Tree) -> Path | None:
    """Return the path of what a node stands for, whatever it is cast to and if only as long as it is not empty."""
    inner = uncast(node)
    if _is_nullif(inner):
        return _whole(inner.a_expr.lexpr)
    return path_of(inner)


def _is_nullif(node: Tree) -> bool:
    return kind(node) == "a_expr" and operator(node) == "=" and node.a_expr.kind == AEXPR_NULLIF


def _paths(node: Tree, *, reading: bool = True) -> Iterator[Path]:
    """Yield the paths of all claims within; without `reading`, not those that only choose rows of a table."""
    path = path_of(node)
    if path:
        yield path
        return
    children: Iterable[Tree] = below(node)
    if kind(node) == "select_stmt" and not reading:
        children = [*node.select_stmt.target_list, *node.select_stmt.from_clause]
    for child in children:
        yield from _paths(child, reading=reading)


def _compared(node: Tree, scope: Scope) -> Iterator[Claim]:
    """Yield what claims are compared with."""
    if kind(node) == "select_stmt":
        scope = {**scope, **_scope(node.select_stmt.from_clause)}
    if operator(node) in _EQUAL and not _is_nullif(node):
        one, other = node.a_expr.lexpr, node.a_expr.rexpr
        yield from _beside(one, other, scope, listed=operator(node) in _CONTAINS)
        yield from _beside(other, one, scope, listed=operator(node) in _CONTAINS)
    if kind(node) == "sub_link" and node.sub_link.HasField("testexpr"):
        select = node.sub_link.subselect.select_stmt
        inner = {**scope, **_scope(select.from_clause)}
        yield from _beside(node.sub_link.testexpr, select.target_list[0].res_target.val, inner, listed=False)
        yield from _beside(node.sub_link.subselect, node.sub_link.testexpr, scope, listed=False)
    for child in below(node):
        yield from _compared(child, scope)


def _beside(one: Tree, other: Tree, scope: Scope, *, listed: bool) -> Iterator[Claim]:
    """Yield the claims on one side of a comparison with what is on the other."""
    listed = listed or any(_ELEMENTS in called(inner) for inner in walk(one))
    columns = tuple(column for inner in walk(other) if (column := _column(inner, scope)) is not None)
    values = tuple(value for inner in walk(other) if (value := _text(inner)) is not None)
    if not any(_paths(other)):
        for path in _paths(one, reading=False):
            yield Claim(path, columns, () if columns else values, listed)


def _text(node: Tree) -> str | None:
    return constant(node) if kind(node) == "a_const" else None


def _column(node: Tree, scope: Scope) -> Column | None:
    if kind(node) != "column_ref":
        return None
    *before, name = [field.string.sval for field in node.column_ref.fields]
    relation = scope.get(before[-1] if before else "")
    return Column(relation, name) if relation and name else None


def _scope(from_clause: Iterable[Tree]) -> dict[str, str]:
    """Return the tables of a FROM by alias; where there is only one, its columns need none."""
    tables = [inner.range_var for node in from_clause for inner in walk(node) if kind(inner) == "range_var"]
    found = {table.alias.aliasname or table.relname: relation_name(table) for table in tables}
    return {"": next(iter(found.values())), **found} if len(found) == 1 else found


def relation_name(table: Tree) -> str:
    """Return a table's name, as the catalogue has it."""
    return f"{table.schemaname}.{table.relname}" if table.schemaname else str(table.relname)
