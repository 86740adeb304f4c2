"""PostgreSQL's own syntax trees of expressions: parsed, looked into, changed and written again as SQL."""

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import postgast

from loadcheck.scenario.binding import bind

Tree: TypeAlias = Any
"""A node of libpg_query's tree, which changes in place."""

_SELECT: Final = "SELECT 1 WHERE "
# Stands for a `:name` within a tree; far more parameters than any function has.
_FIRST: Final = 900_001
_CLAUSES: Final = frozenset({b"FROM", b"WHERE", b"ORDER", b"UNION"})
_PARAMETER: Final = re.compile(r"\$(9\d{5})\b")


class Names:
    """The `:name`s of a tree, each a parameter with a number of its own while it is one."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def number(self, name: str) -> int:
        """Return the number of a name."""
        if name not in self._names:
            self._names.append(name)
        return _FIRST + self._names.index(name)

    def parsed(self, sql: str) -> Tree:
        """Return the tree of an expression with `:name`s in it."""
        return expression(self.numbered(sql))

    def numbered(self, sql: str) -> str:
        """Return SQL with a parameter for each `:name`."""
        return bind(sql).render(lambda name: f"${self.number(name)}")

    def named(self, sql: str) -> str:
        """Return SQL with a `:name` for each of those parameters."""
        return _PARAMETER.sub(lambda match: f":{self._names[int(match[1]) - _FIRST]}", sql)

    def written(self, tree: Tree) -> str:
        """Return an expression's SQL; `json` is written as people write it."""
        whole = postgast.parse(f"{_SELECT}true")
        whole.stmts[0].stmt.select_stmt.where_clause.CopyFrom(tree)
        return self.named(postgast.deparse(whole).removeprefix(_SELECT)).replace("::pg_catalog.json", "::json")


def laid_out(sql: str) -> str:
    """Return a statement with a line for each clause, deeper ones indented; only blanks between words change."""
    source = sql.encode()
    lines, begin, depth = "", 0, 0
    for token in postgast.scan(sql).tokens:
        word = source[token.start : token.end].upper()
        if word in _CLAUSES and source[token.start - 1 : token.start] == b" ":
            lines += f"{source[begin : token.start - 1].decode()}\n{'  ' * depth}"
            begin = token.start
        depth += (word == b"(") - (word == b")")
    return lines + source[begin:].decode()


def expression(sql: str) -> Tree:
    """Return the tree of an expression.

    Raises:
        postgast.PgQueryError: it is not one.
    """
    return query(f"{_SELECT}{sql}").where_clause


def query(sql: str) -> Tree:
    """Return the tree of a SELECT.

    Raises:
        postgast.PgQueryError: it is not one.
    """
    return postgast.parse(sql).stmts[0].stmt.select_stmt


def replace(node: Tree, other: Tree) -> None:
    """Put another tree in a node's place; the other may be a part of it."""
    copy = type(node)()
    copy.CopyFrom(other)
    node.CopyFrom(copy)


def below(message: Tree) -> Iterator[Tree]:
    """Yield the nodes right below a message."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for child in value if field.is_repeated else (value,):
            if type(child).__name__ == "Node":
                yield child
            else:
                yield from below(child)


def walk(node: Tree) -> Iterator[Tree]:
    """Yield every node from the top down; what is changed on the way is walked as it is then."""
    yield node
    for child in below(node):
        yield from walk(child)


def kind(node: Tree) -> str:
    """Return what a node is, as libpg_query names it."""
    return node.WhichOneof("node") or ""


def operator(node: Tree) -> str:
    """Return the operator of a binary expression; empty for anything else."""
    return str(node.a_expr.name[-1].string.sval) if kind(node) == "a_expr" else ""


def called(node: Tree) -> str:
    """Return the name of the function that a node calls, without pg_catalog; empty for anything else."""
    names = [part.string.sval for part in node.func_call.funcname] if kind(node) == "func_call" else []
    return ".".join(name for name in names if name != "pg_catalog")


def uncast(node: Tree) -> Tree:
    """Return what is cast, without its casts."""
    while kind(node) == "type_cast":
        node = node.type_cast.arg
    return node


def constant(node: Tree) -> str | None:
    """Return a text constant, cast or not; None for anything else."""
    inner = uncast(node)
    return str(inner.a_const.sval.sval) if kind(inner) == "a_const" and inner.a_const.HasField("sval") else None


def selected(node: Tree) -> Tree | None:
    """Return what `(SELECT x)` stands for, where it reads from nothing; None for anything else."""
    if kind(node) != "sub_link" or node.sub_link.sub_link_type != postgast.pg_query_pb2.EXPR_SUBLINK:
        return None
    select = node.sub_link.subselect.select_stmt
    alone = len(select.target_list) == 1 and not select.from_clause and not select.HasField("where_clause")
    return select.target_list[0].res_target.val if alone else None
