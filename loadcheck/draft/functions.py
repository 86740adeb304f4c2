"""Functions that policies call, put in their calls' place: what they return says which claims a policy means."""

import re
from collections.abc import Sequence
from typing import Final

import postgast
from google.protobuf.message import DecodeError

from loadcheck.doctor.catalogue import Function
from loadcheck.draft.tree import Tree, below, called, expression, kind, replace, walk

_DEEPEST: Final = 5  # functions that call functions
_RETURNS: Final = re.compile(r"\s*begin\s+return\s+(.*?);\s*end\s*;?\s*", re.IGNORECASE | re.DOTALL)


def inline(node: Tree, functions: Sequence[Function], deepest: int = _DEEPEST) -> None:
    """Put what a function returns in the place of each call, as far as that is one expression or one SELECT."""
    if deepest:
        for inner in list(walk(node)):
            found = _called(inner, functions)
            if found is not None and (body := _body(*found)) is not None:
                inline(body, functions, deepest - 1)
                replace(inner, body)
                return inline(node, functions, deepest - 1)
    return None


def _called(node: Tree, functions: Sequence[Function]) -> tuple[Function, list[Tree], bool] | None:
    """Return the function that a node calls, its arguments, and whether the node is a SELECT of nothing else."""
    rows = kind(node) == "select_stmt" and len(node.select_stmt.target_list) == 1 and not node.select_stmt.from_clause
    call = node.select_stmt.target_list[0].res_target.val if rows else node
    name, arguments = called(call), list(call.func_call.args) if called(call) else []
    for function in functions:
        if function.name.partition("(")[0] == name:
            return function, arguments, rows
    return None


def _body(function: Function, arguments: list[Tree], rows: bool) -> Tree | None:  # noqa: FBT001 -- of `_called`
    """Return what a call stands for; None where that is more than one expression or SELECT."""
    try:
        made = postgast.parse(function.source).stmts[0].stmt.create_function_stmt
        if made.return_type.setof != rows:
            return None
        body = _parsed(made, rows=rows)
    except (postgast.PgQueryError, DecodeError, IndexError):
        return None
    names = [parameter.function_parameter.name for parameter in made.parameters]
    if body is None or len(names) != len(arguments):
        return None
    _fill(body, names, arguments)
    return body


def _parsed(made: Tree, *, rows: bool) -> Tree | None:
    if made.sql_body.WhichOneof("node") == "return_stmt":
        return made.sql_body.return_stmt.returnval
    options = {option.def_elem.defname: option.def_elem.arg for option in made.options}
    source = options["as"].list.items[0].string.sval if "as" in options else ""
    if options["language"].string.sval == "sql":
        return _selecting(source, rows=rows)
    returned = _RETURNS.fullmatch(source)
    return expression(returned[1]) if returned and not rows else None


def _selecting(source: str, *, rows: bool) -> Tree | None:
    """Return the only statement of a function, or the only value that it selects."""
    parsed = postgast.parse(source)
    if len(parsed.stmts) != 1 or not parsed.stmts[0].stmt.HasField("select_stmt"):
        return None
    select = parsed.stmts[0].stmt.select_stmt
    if rows:
        return parsed.stmts[0].stmt
    if len(select.target_list) == 1 and not select.from_clause and not select.HasField("where_clause"):
        return select.target_list[0].res_target.val
    value = expression("(SELECT 1)")
    value.sub_link.subselect.select_stmt.CopyFrom(select)
    return value


def _fill(node: Tree, names: list[str], arguments: list[Tree]) -> None:
    """Put the arguments in the place of the parameters, which have names or numbers."""
    place = _parameter(node, names)
    if place is not None:
        return replace(node, arguments[place])
    for inner in below(node):
        _fill(inner, names, arguments)
    return None


def _parameter(node: Tree, names: list[str]) -> int | None:
    if kind(node) == "param_ref":
        return int(node.param_ref.number) - 1
    fields = [field.string.sval for field in node.column_ref.fields] if kind(node) == "column_ref" else []
    return names.index(fields[-1]) if fields and fields[-1] in names else None
