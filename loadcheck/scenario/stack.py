"""The embedded stack, as a scenario describes it."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from loadcheck.scenario.base import Name, Scalar, Strict


class Program(Strict):
    """A program of the scenario's own, started with the stack and ready when its port answers."""

    run: str = Field(min_length=1)
    """The command line, with placeholders: {port} {database}, and for a gateway {url} {pooled_database}."""


class PgBouncer(Strict):
    """PgBouncer with `mode` as its pool_mode, `size` as its default_pool_size, and any other setting."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Scalar]

    mode: Literal["transaction", "session", "statement"] = "transaction"
    """PgBouncer's pool_mode."""
    size: int = Field(4, ge=1, le=1000)
    """PgBouncer's default_pool_size: how many backends there are."""

    @property
    def settings(self) -> dict[str, Scalar]:
        """The other settings, as PgBouncer names them."""
        return self.__pydantic_extra__ or {}


def _pooler_form(value: object) -> str | None:
    if value == "none":
        return "pooler: none"
    if isinstance(value, Program) or (isinstance(value, dict) and "run" in value):
        return "pooler: program"
    return "pooler: settings" if isinstance(value, PgBouncer | dict) else None


# The tags cannot be keys, so that in a place that pydantic names they are told from keys.
Pooler = Annotated[
    Annotated[Literal["none"], Tag("pooler: none")]
    | Annotated[Program, Tag("pooler: program")]
    | Annotated[PgBouncer, Tag("pooler: settings")],
    Discriminator(
        _pooler_form,
        custom_error_type="form",
        custom_error_message="must be `none`, PgBouncer's settings such as {mode: transaction, size: 4}, or {run: …}",
    ),
]


class Stack(Strict):
    """The embedded PostgreSQL, pooler and PostgREST that stand in when no target is given."""

    folder: str = ""
    """What files and programs are relative to; empty: the scenario's own folder."""
    sql: list[str] = []
    """Files run as `owner`, in order, relative to `folder`."""
    owner: Name = "role_admin"
    """Owns the tables; the oracle logs in as it."""
    role: Name = "role_readwrite"
    """The single role: PostgREST logs in as it and every transaction runs as it."""
    pooler: Pooler = PgBouncer()
    """What stands between PostgREST and PostgreSQL: PgBouncer with these settings, none, or a program."""
    postgres: dict[str, Scalar] = {}
    """Any PostgreSQL setting."""
    postgrest: dict[str, Scalar] = {}
    """Any PostgREST setting."""
    gateway: Program | None = None
    """A program before PostgREST: requests go to it."""
    stamp: bool = True
    """Whether every answer tells, in a header, which backend and settings it was made with."""
