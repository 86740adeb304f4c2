"""Expectations: what the right answer is."""

import re
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from loadcheck.scenario.base import Strict, Text
from loadcheck.scenario.writes import Written

_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,18}")


def _text_as_number(value: object) -> object:
    """Take what a variable holds for the number that it looks like."""
    return int(value) if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value) else value


class Expect(Strict):
    """What the right answer is. Several expectations must all hold."""

    rows: str | list[dict[str, Any]] | None = None
    """SQL that the oracle runs for the expected rows, or the rows themselves. `:name` binds a claim or variable."""
    rows_as_identity: str | None = None
    """SQL that is run as the identity, under row security, alone on a fresh backend."""
    written: Written | None = None
    """The rows that the run itself has written: all of the identity's that were acknowledged, and never another's."""
    count: Annotated[Annotated[int, Field(ge=0)] | str | None, BeforeValidator(_text_as_number)] = None
    """The count in Content-Range: a number, or SQL for it."""
    headers: dict[str, Text | None] = {}
    """Headers of the answer; null: the header must be absent."""
    json_: Any = Field(None, alias="json")
    """The whole body."""
    status: int | Annotated[list[int], Field(min_length=1)] | None = None
    """The status, or those that are all right."""
    error: Text | None = None
    """PostgREST's or PostgreSQL's code, such as 42501."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.expects_json or any(getattr(self, name) not in (None, {}) for name in self.model_fields_set)):
            raise ValueError("expects nothing, so nothing would be checked: add rows, status or another")
        if self.rows is not None and self.rows_as_identity is not None:
            raise ValueError("give rows or rows_as_identity, not both")
        if self.written is not None and (self.rows is not None or self.rows_as_identity is not None):
            raise ValueError("give rows or written, not both")
        return self

    @property
    def expects_json(self) -> bool:
        """Whether a whole JSON body is expected; `json: null` is one."""
        return "json_" in self.model_fields_set

    @property
    def statuses(self) -> tuple[int, ...]:
        """The statuses expected; empty when none is named."""
        if self.status is None:
            return ()
        return (self.status,) if isinstance(self.status, int) else tuple(self.status)
