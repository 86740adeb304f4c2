"""Claim mixes: who asks."""

from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from loadcheck.scenario.base import Name, Strict
from loadcheck.scenario.expect import Expect


class TokenKind(StrEnum):
    """What is right, or the one thing that is wrong, with an identity's token."""

    VALID = "valid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    WRONG_KEY = "wrong-key"
    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    MISSING = "missing"


class ClaimMix(Strict):
    """Identities made alike: by count, or one for each row that `from` reads."""

    name: Name
    """What people call it; requests name it in `as`."""
    weight: float = Field(1.0, ge=0)
    """Its part of the traffic, beside the others' weights."""
    count: int = Field(1, ge=1, le=10_000_000)
    """How many identities it makes; in its claims {n} runs from 1 to count."""
    claims: dict[str, Any] = {}
    """The claims of its tokens, with placeholders."""
    from_: str | None = Field(None, alias="from")
    """SQL that reads one identity a row; its columns are variables."""
    token: TokenKind = TokenKind.VALID
    """What is right, or the one thing that is wrong, with its tokens."""
    expect: Expect | None = None
    """What these identities must get, in place of each request's own expectation."""

    @model_validator(mode="after")
    def _count_or_query(self) -> Self:
        if self.from_ is not None and "count" in self.model_fields_set:
            raise ValueError("`from` makes one identity for each row: leave `count` out")
        return self
