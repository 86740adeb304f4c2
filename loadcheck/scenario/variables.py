"""`${VAR}` and `${VAR:-default}` in a scenario's texts."""

import re
from collections.abc import Mapping
from typing import Final

_REFERENCE: Final = re.compile(r"(\$\$\{)|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\})?")


class VariableError(ValueError):
    """A text whose variables cannot be filled in.

    Attributes:
        message: Why.
        hint: What to write.
        name: The variable that is not set; empty when the reference itself is wrong.
    """

    def __init__(self, message: str, hint: str, name: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.name = name


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """Fill in the variables of a text, once: what a variable holds is not looked at again.

    A default counts for a variable that is unset or empty, as in a shell; `$${` is a plain `${`.

    Raises:
        VariableError: a variable is not set, or a `${` is not a reference.
    """

    def value(found: re.Match[str]) -> str:
        escaped, name, default = found.groups()
        if escaped:
            return "${"
        if name is None:
            raise VariableError("`${` begins no variable here", "write ${NAME} or ${NAME:-default}; $${ is a plain ${")
        if default is not None:
            return environ.get(name) or default
        if name not in environ:
            hint = f"set it, or give a default: ${{{name}:-…}}"
            raise VariableError(f"the variable {name} is not set", hint, name)
        return environ[name]

    return _REFERENCE.sub(value, text) if "${" in text else text
