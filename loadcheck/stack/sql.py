"""The scenario's SQL files, run as the owner, and where in them PostgreSQL found a mistake."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import asyncpg
import postgast
from postgast.pg_query_pb2 import Token

from loadcheck.errors import UsageProblem
from loadcheck.scenario.regular import read_file

# Else PostgreSQL tells of the rows written up to a second later, or as late as the session's end: counts that move
# then look as if somebody wrote during the run.
_COUNT_NOW: Final = "SELECT pg_catalog.pg_stat_force_next_flush()"
_COUNTS_NOW: Final = 15
"""The first major version that has it."""

_NO_STATEMENT: Final = {Token.ASCII_59, Token.SQL_COMMENT, Token.C_COMMENT}
_TERMINAL: Final = {(Token.FROM, Token.STDIN), (Token.TO, Token.STDOUT)}


def read_files(names: Sequence[str], folder: Path) -> list[tuple[Path, str]]:
    """Read the files, each with its path.

    Raises:
        UsageProblem: one or several cannot be read, and it names them all; or one copies from or to a terminal.
    """
    texts: list[tuple[Path, str]] = []
    problems = []
    for name in names:
        try:
            texts.append((folder / name, _text(folder / name)))
        except OSError as error:
            problems.append(f"{folder / name}: {error.strerror}")
        except UnicodeDecodeError as error:
            problems.append(f"{folder / name}: not text in UTF-8 at byte {error.start}")
    if problems:
        raise UsageProblem(
            f"stack.sql: cannot read {problems[0]}",
            "\n".join([*problems[1:], "The paths are relative to the scenario's folder."]),
        )
    for path, text in texts:
        _refuse_terminal(path, text)
    return texts


async def run_files(files: Sequence[tuple[Path, str]], dsn: str) -> None:
    """Run each file in a session and a transaction of its own, as `psql -1 -f` does; its writes are counted by then.

    Raises:
        UsageProblem: PostgreSQL refuses one; it names file, line and column where PostgreSQL tells them.
    """
    for path, text in files:
        if _is_empty(text):
            continue  # asyncpg fails where PostgreSQL was asked for nothing
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(text)
        except asyncpg.PostgresError as error:
            raise _mistake(path, text, error) from None
        else:
            if connection.get_server_version().major >= _COUNTS_NOW:
                await connection.execute(_COUNT_NOW)
        finally:
            connection.terminate()


def _text(path: Path) -> str:
    data = read_file(path)
    if (nul := data.find(b"\0")) >= 0:
        raise UnicodeDecodeError("utf-8", data, nul, nul + 1, "PostgreSQL has no NUL in text")
    return data.decode("utf-8-sig")


def _is_empty(text: str) -> bool:
    try:
        return all(token.token in _NO_STATEMENT for token in postgast.scan(text).tokens)
    except postgast.PgQueryError:
        return False  # PostgreSQL tells what is wrong with it


def _refuse_terminal(path: Path, text: str) -> None:
    """PostgreSQL would wait for data that nobody sends."""
    source = text.encode()
    try:
        tokens = postgast.scan(text).tokens
    except postgast.PgQueryError:
        return  # PostgreSQL tells what is wrong with it
    statement, before = None, None
    for token in tokens:
        statement = statement or token.token
        if statement == Token.COPY and (before, token.token) in _TERMINAL:
            line, column = _line_column(source[: token.start].decode())
            raise UsageProblem(
                f"{path}:{line}:{column}: COPY reads from or writes to a terminal here, and there is none",
                "Use INSERT, as `pg_dump --inserts` does.",
            )
        before = token.token
        statement = None if before == Token.ASCII_59 else statement


def _mistake(path: Path, text: str, error: asyncpg.PostgresError) -> UsageProblem:
    details = [
        error.detail,
        error.hint and f"Hint: {error.hint}",
        error.context and f"In: {error.context}",
        _meta_command(text, error),
        _unknown_role(error),
    ]
    return UsageProblem(
        f"{path}{_place(text, error)}: {error.args[0]} ({error.sqlstate})",
        "\n".join(detail for detail in details if detail)
        or "PostgreSQL refused this file of stack.sql, which runs as stack.owner: correct it and try again.",
    )


def _place(text: str, error: asyncpg.PostgresError) -> str:
    """Return `:line:column`, both from 1; empty when PostgreSQL tells no position."""
    if not error.position:
        return ""
    line, column = _line_column(text[: int(error.position) - 1])
    return f":{line}:{column}"


def _line_column(before: str) -> tuple[int, int]:
    """Return line and column, both from 1, of what comes after this text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _meta_command(text: str, error: asyncpg.PostgresError) -> str:
    if error.position and text[int(error.position) - 1 :].startswith("\\"):
        return "Lines that begin with a backslash are commands of psql, not SQL: take them out."
    return ""


def _unknown_role(error: asyncpg.PostgresError) -> str:
    if error.sqlstate != asyncpg.UndefinedObjectError.sqlstate or not error.args[0].startswith("role "):
        return ""
    return (
        "The embedded stack makes two roles: stack.owner and stack.role (--role, with `loadcheck init`). Name it there."
    )
