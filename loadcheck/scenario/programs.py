"""The command lines of a scenario's own programs: a pooler or a gateway by `run:`."""

import re
import shlex
from collections.abc import Collection
from typing import Final

from loadcheck.scenario.document import Document, Loc
from loadcheck.scenario.problems import Problems
from loadcheck.scenario.stack import Program, Stack

POOLER_PLACEHOLDERS: Final = ("port", "database", "upstream", "folder", "python")
"""Where to listen, the DSN of PostgreSQL under two names, a folder of its own, and the Python that runs loadcheck."""
GATEWAY_PLACEHOLDERS: Final = ("port", "url", "database", "pooled_database", "folder", "python")
"""The same, with PostgREST's URL and the DSN through the pooler."""
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


def check_programs(stack: Stack, document: Document, problems: Problems) -> None:
    """Check the command lines; what is wrong with them goes to the problems."""
    if isinstance(stack.pooler, Program):
        _check(stack.pooler, ("stack", "pooler", "run"), POOLER_PLACEHOLDERS, document, problems)
    if stack.gateway is not None:
        _check(stack.gateway, ("stack", "gateway", "run"), GATEWAY_PLACEHOLDERS, document, problems)


def check_command(
    command: str, loc: Loc, known: Collection[str], document: Document, problems: Problems
) -> frozenset[str]:
    """Check one command line, and return the placeholders in it; what is wrong with it goes to the problems.

    Args:
        command: The line.
        loc: Where it stands; its last part is what it is called.
        known: The placeholders that are filled in.
        document: Knows the places.
        problems: Where mistakes are kept.
    """
    place = document.place(loc)
    try:
        words = shlex.split(command)
    except ValueError as error:
        hint = "it is split like a shell's line, but no shell runs it"
        problems.add(place, f"`{loc[-1]}`: {str(error).lower()}", hint)
        return frozenset(known)
    if not words:
        problems.add(place, f"`{loc[-1]}` names no program")
        return frozenset(known)
    found = [*_PLACEHOLDER.finditer(command)]
    for name, at in ((one[1], one.start()) for one in found if one[1] not in known):
        hint = f"known here: {' '.join(f'{{{one}}}' for one in known)}"
        problems.add(document.place(loc, at), f"{{{name}}} is not known here", hint)
    return frozenset(one[1] for one in found)


def _check(program: Program, loc: Loc, known: Collection[str], document: Document, problems: Problems) -> None:
    if "port" not in check_command(program.run, loc, known, document, problems):
        problems.add(document.place(loc), "`run` does not tell the program its port", "put {port} where it belongs")
