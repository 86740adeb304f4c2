"""Suspects: which functions, views and tables a request reaches, and which of them may be at fault.

What reaches what is read from the text of views, functions and policies, as PostgreSQL keeps no dependencies of a
function's body. Too much is reached rather than too little: a name in a comment counts.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

_SETTINGS: Final = re.compile("current_setting", re.IGNORECASE)
_EMBEDDED: Final = r"\s*[(!]"  # with its columns, or with a hint at the way to it


@dataclass(frozen=True, slots=True)
class Thing:
    """A relation or a function.

    Attributes:
        name: Its bare name.
        label: As PostgreSQL writes it, with schema and arguments where needed.
        text: What it is made of: a view's query, a function's definition; empty for tables.
        called: Whether it is a function.
        rules: The conditions of a table's policies.
        hole: In words, how it lets rows through whoever asks; empty where it does not.
        immutable: Whether it is a function that promises the same result for ever.
    """

    name: str
    label: str
    text: str = ""
    called: bool = False
    rules: str = ""
    hole: str = ""
    immutable: bool = False


def immutable_readers(things: Sequence[Thing], request: str) -> list[str]:
    """Return the functions behind a request that are IMMUTABLE and read settings: plans keep what they once returned.

    Args:
        things: All there are.
        request: Its path and query, and what PostgREST calls before it.
    """
    behind = _reached(things, _named(things, request), through_rules=True)
    return [f"IMMUTABLE function {thing.label}" for thing in behind if thing.immutable and _reads(things, thing)]


def holes(things: Sequence[Thing], request: str) -> list[str]:
    """Return how what a request reads lets rows through whoever asks."""
    return [thing.hole for thing in _read(things, request) if thing.hole]


def tables(things: Sequence[Thing], request: str) -> list[str]:
    """Return the tables that a request reads under policies."""
    read = _read(things, request)
    return [thing.label for thing in read if not (thing.called or thing.text or thing.hole)]


def _read(things: Sequence[Thing], request: str) -> list[Thing]:
    """Return what a request reads; what stands behind a hole, or is only asked by a policy, lets nothing through."""
    return _reached(things, _named(things, request), through_rules=False)


def _reads(things: Sequence[Thing], function: Thing) -> bool:
    """Whether a function reads settings, by itself or by what it calls."""
    return any(_SETTINGS.search(thing.text + thing.rules) for thing in _reached(things, [function], through_rules=True))


def _reached(things: Sequence[Thing], begin: Iterable[Thing], *, through_rules: bool) -> list[Thing]:
    reached: dict[str, Thing] = {}
    left = list(begin)
    while left:
        thing = left.pop(0)
        if thing.label not in reached:
            reached[thing.label] = thing
            if through_rules or not thing.hole:
                left += _mentioned(things, thing.text + " " + thing.rules if through_rules else thing.text)
    return list(reached.values())


def _named(things: Sequence[Thing], request: str) -> list[Thing]:
    """Return what a request names: a table in its path or embedded, a function, a computed column of some row."""
    text = unquote(request)
    return [thing for thing in things if _mentions(text, thing.name) and not _is_a_column(thing, text)]


def _is_a_column(thing: Thing, request: str) -> bool:
    """Whether it only shares its name with a column: a relation that is not embedded, a function that is not called."""
    if not thing.called:
        path, _, query = request.partition("?")
        return not (_mentions(path, thing.name) or _mentions(query, thing.name, _EMBEDDED))
    return thing.called and thing.label.endswith("()") and f"rpc/{thing.name}" not in request


def _mentioned(things: Sequence[Thing], text: str) -> list[Thing]:
    return [thing for thing in things if _mentions(text, thing.name, r'"?\s*\(' if thing.called else "")]


def _mentions(text: str, name: str, then: str = "") -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w){then}", text) is not None
