"""The scenario's SQL, as far as it can be judged without a server: syntax, reading only, names of columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import postgast
from google.protobuf.message import DecodeError
from postgast.pg_query_pb2 import SelectStmt

from loadcheck.scenario.binding import Bound, SqlError, bind

# libpg_query writes its tree out recursively: some 40,000 nested operators, two characters each, overflow the stack.
_LONGEST: Final = 30_000
_KEPT: Final = 2_000
_WRITES: Final = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of a statement.

    Attributes:
        mistake: What is wrong with it; empty when nothing is.
        offset: Where, in characters from the statement's start.
        hint: What to write instead.
        bound: The statement with its `:name`s found; None when not even the lexer takes it.
        columns: The names of its columns; None when they cannot be told without a server.
    """

    mistake: str = ""
    offset: int = 0
    hint: str = ""
    bound: Bound | None = None
    columns: frozenset[str] | None = None


@lru_cache(_KEPT)
def inspect(sql: str) -> Inspection:
    """Look into one statement that should read, and do nothing else."""
    if len(sql) > _LONGEST:
        hint = "make it a view or a function, in a file of stack.sql"
        return Inspection(f"SQL of more than {_LONGEST:,} characters", hint=hint)
    try:
        bound = bind(sql)
    except SqlError as error:
        return Inspection(f"SQL: {error.message}", error.offset)
    masked = bound.render(_mask)
    try:
        count = len(postgast.split(masked, method="parser"))
    except postgast.PgQueryError as error:
        return Inspection(f"SQL: {error.message}", max(error.cursorpos - 1, 0), bound=bound)
    return _of_parsed(sql, masked, bound, count)


def syntax_mistake(script: str) -> tuple[str, int] | None:
    """Return what PostgreSQL's parser refuses of a script, and where in characters; None when it takes all."""
    if "\0" in script:
        return "a NUL character", script.index("\0")
    try:
        postgast.split(script, method="parser")
    except postgast.PgQueryError as error:
        return error.message, max(error.cursorpos - 1, 0)
    return None


def _mask(name: str) -> str:
    """Return a parameter as long as the colon and the name, so that places stay what they are."""
    return "$1".ljust(len(name) + 1)


def _of_parsed(sql: str, masked: str, bound: Bound, count: int) -> Inspection:
    if count != 1:
        what = "is empty" if count == 0 else "must be one statement"
        return Inspection(f"SQL {what}", bound=bound)
    if (at := _parameter(bound)) >= 0:
        return Inspection("SQL: $1 binds nothing here", at, "bind by name, such as :user_type", bound)
    try:
        tree = postgast.parse(masked).stmts[0].stmt
    except DecodeError:
        return Inspection(bound=bound)  # deeper than protobuf reads: the server will tell the rest
    if not tree.HasField("select_stmt"):
        return Inspection("SQL that does not read: only SELECT, VALUES and TABLE do", bound=bound, offset=_start(sql))
    wrong = _writing(tree.select_stmt)
    return Inspection(wrong, offset=_start(sql), bound=bound, columns=_columns(tree.select_stmt))


def _start(sql: str) -> int:
    return len(sql) - len(sql.lstrip())


def _parameter(bound: Bound) -> int:
    """Return the place of a `$1` that the scenario itself wrote; -1 when there is none."""
    own = bound.render(lambda name: " " * (len(name) + 1))
    parameters = (token for token in postgast.scan(own).tokens if token.token == postgast.pg_query_pb2.PARAM)
    first = next(parameters, None)
    return -1 if first is None else len(own.encode()[: first.start].decode())


def _writing(select: SelectStmt) -> str:
    for _, node in postgast.walk(select):
        name = type(node).__name__
        if name in _WRITES:
            return "SQL that writes: only SELECT, VALUES and TABLE may stand here"
        if name == "IntoClause":
            return "SQL that writes: SELECT INTO makes a table"
        if name == "LockingClause":
            return "SQL that locks rows: leave FOR UPDATE or FOR SHARE out"
    return ""


def _columns(select: SelectStmt) -> frozenset[str] | None:
    while select.HasField("larg"):
        select = select.larg
    if select.values_lists:
        width = len(select.values_lists[0].list.items)
        return frozenset(f"column{number}" for number in range(1, width + 1))
    names = list(_names(select))
    return None if None in names else frozenset(name for name in names if name)


def _names(select: SelectStmt) -> Iterator[str | None]:
    for target in select.target_list:
        yield target.res_target.name or _default_name(target.res_target.val)


def _default_name(value: Any) -> str | None:
    """Return the name that PostgreSQL gives a column without AS, in the cases that are plain."""
    kind = value.WhichOneof("node")
    if kind == "column_ref":
        last = value.column_ref.fields[-1]
        return last.string.sval if last.HasField("string") else None
    if kind == "func_call":
        name: str = value.func_call.funcname[-1].string.sval
        return name
    return _default_name(value.type_cast.arg) if kind == "type_cast" else None
