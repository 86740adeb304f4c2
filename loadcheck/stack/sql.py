"""The scenario's SQL files, run as the owner, and where in them PostgreSQL found a mistake."""

from collections.abc import Sequence
from pathlib import Path

import asyncpg

from loadcheck.errors import UsageProblem


def read_files(names: Sequence[str], folder: Path) -> list[tuple[Path, str]]:
    """Read the files, each with its path.

    Raises:
        UsageProblem: one or several cannot be read; it names them all.
    """
    texts: list[tuple[Path, str]] = []
    problems = []
    for name in names:
        try:
            texts.append((folder / name, (folder / name).read_text(encoding="utf-8-sig")))
        except OSError as error:
            problems.append(f"{folder / name}: {error.strerror}")
        except UnicodeDecodeError as error:
            problems.append(f"{folder / name}: not UTF-8 at byte {error.start}")
    if problems:
        raise UsageProblem(
            f"stack.sql: cannot read {problems[0]}",
            "\n".join([*problems[1:], "The paths are relative to the scenario's folder."]),
        )
    return texts


async def run_files(files: Sequence[tuple[Path, str]], dsn: str) -> None:
    """Run each file in a session and a transaction of its own, as `psql -1 -f` does.

    Raises:
        UsageProblem: PostgreSQL refuses one; it names file, line and column where PostgreSQL tells them.
    """
    for path, text in files:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(text)
        except asyncpg.PostgresError as error:
            raise _mistake(path, text, error) from None
        finally:
            connection.terminate()


def _mistake(path: Path, text: str, error: asyncpg.PostgresError) -> UsageProblem:
    details = [
        error.detail,
        error.hint and f"Hint: {error.hint}",
        error.context and f"In: {error.context}",
        _meta_command(text, error),
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
    before = text[: int(error.position) - 1]
    return f":{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def _meta_command(text: str, error: asyncpg.PostgresError) -> str:
    if error.position and text[int(error.position) - 1 :].startswith("\\"):
        return "Lines that begin with a backslash are commands of psql, not SQL: take them out."
    return ""
