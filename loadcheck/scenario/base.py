"""What the models of the scenario format are made from."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _number_as_text(value: object) -> object:
    return str(value) if type(value) is int else value


Scalar = bool | int | float | str
Text = Annotated[str, BeforeValidator(_number_as_text)]
"""Text that people may well write as a whole number, such as an error code."""
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f#]+$"), BeforeValidator(_number_as_text)]


class Strict(BaseModel):
    """Frozen, and with no room for a mistyped key."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )
