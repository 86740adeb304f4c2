"""What pydantic finds wrong, in plain words and at its place."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loadcheck.scenario.document import Document, Loc
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.parts import without
from loadcheck.scenario.problems import Hint, Problems, did_you_mean, nearest
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
    "string_too_short": "longer: it is empty",
    "too_short": "longer: it is empty",
    "too_long": "shorter: it has more than {max_length} values",
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
    told = _most_telling(_mistakes(error, document))
    _tell(told, document, problems)
    return [mistake.path for mistake, _ in told]


def report_contradictions(
    data: dict[str, Any], malformed: Sequence[Loc], document: Document, problems: Problems
) -> None:
    """Report what does not fit together, which pydantic looks at only where nothing is malformed.

    Args:
        data: The whole scenario.
        malformed: Where its other mistakes are, already reported.
        document: Where everything is.
        problems: Gets what is found.
    """
    if any(isinstance(path[-1], int) for path in malformed if path):
        return  # without a whole element of a list, the ones after it would be told at wrong places
    try:
        Scenario.model_validate(without(data, malformed), by_alias=True, by_name=False)
    except ValidationError as error:
        found = [one for one in _mistakes(error, document) if _is_contradiction(one, malformed)]
        _tell(_most_telling(found), document, problems)


def _is_contradiction(mistake: _Mistake, malformed: Sequence[Loc]) -> bool:
    """Whether it is not merely about what was left out because it is malformed."""
    words = re.findall(r"[a-z_]+", mistake.error["msg"].lower())
    inside = len(mistake.path)
    left_out = [str(path[inside]) for path in malformed if len(path) > inside and path[:inside] == mistake.path]
    says_nothing = bool(left_out) and not mistake.error["input"]
    return mistake.error["type"] == "value_error" and not (says_nothing or any(nearest(key, words) for key in left_out))


def _mistakes(error: ValidationError, document: Document) -> list[_Mistake]:
    return [
        _Mistake(one, one["loc"], document.path(one["loc"]))
        for one in error.errors(include_url=False, include_context=True)
    ]


def _tell(told: Iterable[tuple[_Mistake, str]], document: Document, problems: Problems) -> None:
    for mistake, wanted in told:
        message, hint = _words(mistake, wanted)
        place = document.key_place if mistake.error["type"] == "extra_forbidden" else document.place
        problems.add(place(mistake.path), message, hint)


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


def _words(mistake: _Mistake, wanted: str) -> tuple[str, Hint]:
    """Return the message and the hint."""
    name = _name(mistake.path)
    if wanted:
        given = mistake.error["input"]
        return f"`{name}` must be {wanted}, not {_kind(given)}", _type_hint(wanted, given)
    tell = _TELLERS.get(mistake.error["type"])
    return tell(mistake, name) if tell else (_limit(mistake.error, name), "")


def _name(path: Loc) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "the scenario")


def _unknown_key(mistake: _Mistake, name: str) -> tuple[str, Hint]:
    if mistake.error["input"] is None and " " in name:
        return f"unknown key `{name}`", "within { } a comma ends a value: put a text that has one in quotes"
    return f"unknown key `{name}`", lambda: did_you_mean(name, keys_at(mistake.path[:-1]))


def _missing(mistake: _Mistake, name: str) -> tuple[str, Hint]:
    if isinstance(mistake.loc[-1], int):
        return f"`{name}` needs two values", "write it like [1, 10000]"
    return f"`{mistake.loc[-1]}` is missing", ""


def _not_a_choice(mistake: _Mistake, name: str) -> tuple[str, Hint]:
    allowed = re.findall(r"'([^']*)'", str(mistake.error["ctx"]["expected"]))
    given = str(mistake.error["input"])
    return f"`{name}` must be one of {', '.join(allowed)}", lambda: _suggestion(given, allowed)


def _suggestion(given: str, allowed: list[str]) -> str:
    near = nearest(given, allowed)
    return f"did you mean `{near}`?" if near else ""


def _not_a_form(mistake: _Mistake, name: str) -> tuple[str, Hint]:
    return f"`{name}` {mistake.error['msg']}", ""


def _refused(mistake: _Mistake, name: str) -> tuple[str, Hint]:
    """Tell what a validator of the model says: those of quantities do not name what they are about."""
    message = str(mistake.error["ctx"]["error"])
    said, _, hint = message.partition(": ")
    return (f"`{name}` is {said}", hint) if said.startswith("not a") else (message, "")


def _malformed(mistake: _Mistake, name: str) -> tuple[str, Hint]:
    if mistake.path == ("target", "url"):
        return "`url` is not well-formed", "it begins with http:// or https://, and has no blank in it"
    return f"`{name}` is not well-formed", "it has no # and no control character in it"


_TELLERS: Final[dict[str, Callable[[_Mistake, str], tuple[str, Hint]]]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "enum": _not_a_choice,
    "literal_error": _not_a_choice,
    "form": _not_a_form,
    "value_error": _refused,
    "string_pattern_mismatch": _malformed,
}


def _limit(error: ErrorDetails, name: str) -> str:
    limit = _LIMITS.get(error["type"])
    return f"`{name}` must be {limit.format(**error['ctx'])}" if limit else f"`{name}`: {error['msg'].lower()}"


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


def _type_hint(wanted: str, given: object) -> str:
    if wanted == "text" and isinstance(given, bool | int | float):
        return "put it in quotes"
    if wanted == "a list" and isinstance(given, str | dict):
        return "a list of one is written [ … ], or as a line that begins with `- `"
    return ""
