"""Templates: `{name}` in paths, headers, bodies and claims.

A placeholder is an identifier in single braces. Doubled braces around an identifier stand for the name itself in single
braces, and tripled ones for its value in braces: `{id}` is 7, `{{id}}` is {id} and `{{{id}}}` is {7}. Every other brace
means itself, so that PostgREST's `cs.{a,b}` needs no escape.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_PLACEHOLDER: Final = re.compile(rf"\{{\{{\{{({_NAME})\}}\}}\}}|\{{\{{({_NAME})\}}\}}|\{{({_NAME})\}}")
_COMPILED: Final = 10_000


class Template:
    """A text with placeholders, compiled.

    Args:
        source: The text as the scenario has it.

    Attributes:
        source: The same.
        names: The names of its placeholders.
    """

    __slots__ = ("_only", "_parts", "names", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._parts = _compiled(source)
        self.names = frozenset(self._parts[1::2])
        self._only = self._parts[1] if len(self._parts) == 3 and not any(self._parts[::2]) else ""  # noqa: PLR2004 -- ["", name, ""]

    def __repr__(self) -> str:
        return f"Template({self.source!r})"

    def fill(self, values: Mapping[str, Any], quote: Callable[[str], str] | None = None) -> str:
        """Return the text with its placeholders filled in.

        Args:
            values: By name; one that is missing or None fills as empty text.
            quote: Applied to each value's text, such as a percent-encoder; the rest stays as it is.
        """
        parts = list(self._parts)
        for at in range(1, len(parts), 2):
            filled = text(values.get(parts[at]))
            parts[at] = filled if quote is None else quote(filled)
        return "".join(parts)

    def fill_native(self, values: Mapping[str, Any]) -> Any:
        """Return the same text; or, where the template is one placeholder and nothing else, the value as it is.

        A value that is missing is None then.
        """
        return values.get(self._only) if self._only else self.fill(values)


def text(value: Any) -> str:
    """Return a value as it reads within a text: None as nothing, and what is not text as JSON writes it."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def fill_value(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a JSON value with the placeholders in its texts filled in; keys stay as they are.

    Args:
        template: Any JSON value, as YAML reads it.
        values: By name, each of any type, which it keeps where it is all that a text holds.
    """
    match template:
        case str():
            return _template(template).fill_native(values) if "{" in template else template
        case Mapping():
            return {key: fill_value(inner, values) for key, inner in template.items()}
        case list() | tuple():
            return [fill_value(inner, values) for inner in template]
    return template


def value_names(template: Any) -> frozenset[str]:
    """Return the names of the placeholders anywhere in a JSON value."""
    match template:
        case str():
            return _template(template).names if "{" in template else frozenset()
        case Mapping():
            return frozenset().union(*map(value_names, template.values()))
        case list() | tuple():
            return frozenset().union(*map(value_names, template))
    return frozenset()


_template = lru_cache(_COMPILED)(Template)


def _compiled(source: str) -> list[str]:
    """Return literal texts and names, in turns; it begins and ends with a text."""
    parts = [""]
    end = 0
    for found in _PLACEHOLDER.finditer(source):
        braced, escaped, plain = found.groups()
        parts[-1] += source[end : found.start()]
        end = found.end()
        if escaped:
            parts[-1] += f"{{{escaped}}}"
        elif braced:
            parts[-1] += "{"
            parts += [braced, "}"]
        else:
            parts += [plain, ""]
    parts[-1] += source[end:]
    return parts
