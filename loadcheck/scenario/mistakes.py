"""What pydantic finds wrong, in plain words and at its place."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loadcheck.scenario.document import Document, Loc
from loadcheck.scenario.problems import Problems, did_you_mean
from loadcheck.scenario.schema import keys_at

_MAPPING: Final = "a mapping (`key: value`)"
_WANTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
}
_LIMITS: Final = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
    "string_too_long": "at most {max_length} characters long",
}


@dataclass(frozen=True, slots=True)
class _Mistake:
    """One error of pydantic.

    Attributes:
        loc: Where, as pydantic says, with the names of what a value might have been among its parts.
        path: The part of it that is in the document.
    """

    error: ErrorDetails
    loc: Loc
    path: Loc

    @property
    def wanted(self) -> str:
        """What should stand there; empty when the type is right."""
        return _WANTED.get(self.error["type"], "")


def report(error: ValidationError, document: Document, problems: Problems) -> list[Loc]:
    """Report everything that pydantic found.

    Returns:
        The location of each mistake: that of the mapping when a key is missing in it.
    """
    found = [
        _Mistake(one, one["loc"], document.path(one["loc"]))
        for one in error.errors(include_url=False, include_context=True)
    ]
    told = _most_telling(found)
    for mistake, wanted in told:
        message, hint = _words(mistake, wanted)
        place = document.key_place if mistake.error["type"] == "extra_forbidden" else document.place
        problems.add(place(mistake.path), message, hint)
    return [mistake.path for mistake, _ in told]


def _most_telling(found: Iterable[_Mistake]) -> list[tuple[_Mistake, str]]:
    """Make one of the mistakes of a value that might be several things, and does not fit any.

    Returns:
        Each mistake with what is wanted in its place.
    """
    by_path: dict[Loc, list[_Mistake]] = {}
    for mistake in found:
        by_path.setdefault(mistake.path, []).append(mistake)
    deeper = {path[:cut] for path in by_path for cut in range(len(path))}
    told: list[tuple[_Mistake, str]] = []
    for path, mistakes in by_path.items():
        wrong_type = list(dict.fromkeys(mistake.wanted for mistake in mistakes if mistake.wanted))
        if wrong_type and path not in deeper:
            told.append((mistakes[0], " or ".join(wrong_type)))
        told += [(mistake, "") for mistake in mistakes if not mistake.wanted]
    return told


def _words(mistake: _Mistake, wanted: str) -> tuple[str, str | Callable[[], str]]:
    error, path = mistake.error, mistake.path
    name = next((part for part in reversed(path) if isinstance(part, str)), "scenario")
    given, context = error["input"], error.get("ctx", {})
    if wanted:
        return f"`{name}` must be {wanted}, not {_kind(given)}", _type_hint(error["type"], given)
    match error["type"]:
        case "extra_forbidden":
            return f"unknown key `{name}`", lambda: did_you_mean(str(name), keys_at(path[:-1]))
        case "missing" if isinstance(mistake.loc[-1], int):
            return f"`{name}` needs one more value", "write it like [1, 10000]"
        case "missing":
            return f"`{mistake.loc[-1]}` is missing", ""
        case "too_short":
            return f"`{name}` must not be empty", ""
        case "too_long":
            return f"`{name}` has too many values: at most {context['max_length']}", ""
        case "enum" | "literal_error":
            allowed = re.findall(r"'([^']*)'", str(context["expected"]))
            hint = (lambda: did_you_mean(given, allowed)) if isinstance(given, str) else ""
            return f"`{name}` must be one of {', '.join(allowed)}", hint
        case "form":
            return f"`{name}` {error['msg']}", ""
        case "value_error":
            return _own_words(name, str(context["error"]))
    return f"`{name}` {_limit(error['type'], context) or error['msg'].lower()}", _pattern_hint(error["type"], name)


def _own_words(name: str, message: str) -> tuple[str, str]:
    """Tell what a validator of the model says: all but those of quantities name what they mean themselves."""
    said, colon, hint = message.partition(": ")
    if said.startswith("not a"):
        return f"`{name}` is {said}", hint
    return f"{said}{colon}{hint}", ""


def _limit(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "string_too_short":
        return "must not be empty"
    if kind == "string_pattern_mismatch":
        return "is not well-formed"
    return "must be " + _LIMITS[kind].format(**context) if kind in _LIMITS else ""


def _pattern_hint(kind: str, name: str) -> str:
    if kind != "string_pattern_mismatch":
        return ""
    if name == "url":
        return "it begins with http:// or https://, and has no blank in it"
    return "it has no # and no control character in it"


def _kind(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
    return "a mapping"


def _type_hint(kind: str, given: object) -> str:
    if kind == "string_type" and isinstance(given, bool | int | float):
        return "put it in quotes"
    if kind == "list_type" and isinstance(given, str | dict):
        return "a list of one is written [ … ], or as a line that begins with `- `"
    return ""
