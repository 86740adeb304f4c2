"""The population: every identity of a run, in a fixed order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """One set of JWT claims.

    Attributes:
        index: Position in the population, from 0.
        mix: Index of its claim mix in the scenario's identities.
        label: What people call it: `keeper#17`, or `no-claim` where the mix makes only one.
        claims: The claims of its token, without exp and iat, placeholders filled in.
        variables: `n` (1..count), or the columns of the row that `from` read.
    """

    index: int
    mix: int
    label: str
    claims: Mapping[str, Any]
    variables: Mapping[str, Any]
