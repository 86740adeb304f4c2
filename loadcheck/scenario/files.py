"""The files that a scenario names: are they there, and is their SQL well-formed?"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from loadcheck.scenario.document import Document, Loc
from loadcheck.scenario.problems import Place, Problems, nearest
from loadcheck.scenario.regular import NotAFileError, read_file
from loadcheck.scenario.statements import syntax_mistake
from loadcheck.scenario.target import Jwt

_PARSED_MAX_BYTES: Final = 20_000_000
_LISTED: Final = 1_000

AS_FILE_HINT: Final = "save what it gives as a file, and name that"


def check_sql_files(names: Sequence[str], document: Document, folder: Path, problems: Problems) -> None:
    """Check the files of `stack.sql`; a mistake in their SQL is told at its place in them.

    Args:
        names: The files.
        document: Knows where the scenario names them.
        folder: What they are relative to.
        problems: Where mistakes are kept.
    """
    for at, name in enumerate(names):
        loc: Loc = ("stack", "sql", at)
        content = _content(loc, folder / name, name, document, problems)
        if content is None or len(content) > _PARSED_MAX_BYTES:
            continue
        try:
            script = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            problems.add(document.place(loc), f"{name} is not UTF-8 at byte {error.start}", "save it as UTF-8")
            continue
        if (mistake := syntax_mistake(script)) is not None:
            message, offset = mistake
            problems.add(_place(folder / name, script, offset), message, _meta_command_hint(script, offset))


def check_private_key(jwt: Jwt, document: Document, folder: Path, problems: Problems) -> None:
    """Check that the key's file is there; what is in it is for the identities to judge."""
    loc: Loc = ("target", "jwt", "private_key")
    if "-----BEGIN" in jwt.private_key:
        problems.add(document.place(loc), "a private key itself", "put it into a file and name that here")
    elif jwt.private_key:
        _content(loc, folder / jwt.private_key, jwt.private_key, document, problems)


def _content(loc: Loc, path: Path, name: str, document: Document, problems: Problems) -> bytes | None:
    """Return what is in the file; None, with the problem told, when it cannot be read."""
    place = document.place(loc)
    try:
        return read_file(path)
    except FileNotFoundError:
        problems.add(
            place, f"no file {name}", lambda: missing_file_hint(path) or "it is relative to the scenario's folder"
        )
    except IsADirectoryError:
        problems.add(place, f"{name} is a folder", "name the file in it")
    except NotAFileError as error:
        problems.add(place, f"{name} is {error.strerror}", AS_FILE_HINT)
    except OSError as error:
        problems.add(place, f"{name} cannot be read: {error.strerror}")
    except ValueError:
        problems.add(place, "not the name of a file", "it holds a NUL character")
    return None


def missing_file_hint(path: Path) -> str:
    """Return the hint for a file that is not there: the one beside it with the nearest name; empty when none is."""
    if path.is_symlink():
        return f"it is a link to {path.readlink()}, which is not there"
    near = nearest(path.name, sorted(_siblings(path)))
    return f"did you mean `{near}`?" if near else ""


def _siblings(path: Path) -> Iterator[str]:
    if path.name and path.parent.is_dir():
        yield from (entry.name for _, entry in zip(range(_LISTED), path.parent.iterdir(), strict=False))


def _place(path: Path, script: str, offset: int) -> Place:
    before = script[:offset]
    return Place(str(path), before.count("\n") + 1, len(before) - before.rfind("\n"))


def _meta_command_hint(script: str, offset: int) -> str:
    if script[offset : offset + 1] != "\\":
        return ""
    return "a line that begins with a backslash is a command of psql, not SQL: take it out"
