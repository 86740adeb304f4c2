"""What PostgREST gives a caller: a role, the token's or the anonymous one, and the schemas that names are looked up in.

https://docs.postgrest.org/en/v12/references/auth.html
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from loadcheck.errors import UsageProblem
from loadcheck.identity.population import Identity
from loadcheck.scenario.base import Scalar

_STEP: Final = re.compile(r'\.(?:([A-Za-z0-9_]+)|"([^"]+)")|\[(\d+)\]')


class Caller:
    """Reads `db-anon-role`, `jwt-role-claim-key` and `db-schemas`.

    Args:
        settings: The scenario's `stack.postgrest`.

    Attributes:
        search_path: As PostgreSQL has it.
    """

    def __init__(self, settings: Mapping[str, Scalar]) -> None:
        self.search_path = str(settings.get("db-schemas", "public"))
        self._anonymous = settings.get("db-anon-role")
        self._path = str(settings.get("jwt-role-claim-key", ".role"))

    def claims(self, identity: Identity) -> dict[str, Any]:
        """Return the claims as PostgREST hands them to PostgreSQL, with the role that it takes on.

        Raises:
            UsageProblem: nothing gives the identity a role.
        """
        role = self.role(identity)
        if role is None:
            raise UsageProblem(
                f"rows_as_identity: nothing gives {identity.label} a role",
                "Give its claims a role, or name the anonymous one: stack.postgrest.db-anon-role (as your PostgREST "
                "has it; jwt-role-claim-key as well, if it reads the role from another claim).",
            )
        return {**identity.shown, "role": role}

    def role(self, identity: Identity) -> str | None:
        """Return the role that a caller gets; None where the scenario does not tell."""
        role = _at(identity.shown, self._path)
        role = self._anonymous if role is None else role
        return role if isinstance(role, str) else None


def _at(claims: Any, path: str) -> Any:
    """Return what a path such as `.app.roles[0]` leads to; None where it leads nowhere."""
    for name, quoted, index in _STEP.findall(path):
        try:
            claims = claims[int(index)] if index else claims[name or quoted]
        except (KeyError, IndexError, TypeError):
            return None
    return claims
