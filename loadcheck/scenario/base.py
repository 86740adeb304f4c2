"""What the smaller models of the scenario format are made from."""

from pydantic import BaseModel, ConfigDict


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
