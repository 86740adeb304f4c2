"""The scenario format, version 1, as typed models: what a scenario file may say, and nothing more."""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag, model_validator

from loadcheck.scenario.units import Duration, Rate, Share, Size

METHODS: Final = ("get", "post", "patch", "put", "delete", "head")

Scalar = bool | int | float | str
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f#]+$")]


class _Model(BaseModel):
    """Frozen, and with no room for a mistyped key."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Algorithm(StrEnum):
    """JWT signature algorithms (RFC 7518 and RFC 8037)."""

    HS256 = "HS256"
    HS384 = "HS384"
    HS512 = "HS512"
    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EdDSA = "EdDSA"

    @property
    def symmetric(self) -> bool:
        """Whether one shared secret both signs and verifies."""
        return self.startswith("HS")


class TokenKind(StrEnum):
    """What is right, or the one thing that is wrong, with an identity's token."""

    VALID = "valid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    WRONG_KEY = "wrong-key"
    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    MISSING = "missing"


class Jwt(_Model):
    """How tokens are signed. At most one of the three keys is given; none: the embedded stack makes one."""

    secret: SecretStr = SecretStr("")
    secret_base64: SecretStr = SecretStr("")
    private_key: str = Field("", description="a PEM file, relative to the scenario")
    algorithm: Algorithm = Algorithm.HS256
    ttl: Duration = Field(600.0, ge=2)

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        secrets = [bool(self.secret.get_secret_value()), bool(self.secret_base64.get_secret_value())]
        if sum(secrets) + bool(self.private_key) > 1:
            raise ValueError("give one of secret, secret_base64 and private_key")
        if any(secrets) and not self.algorithm.symmetric:
            raise ValueError(f"{self.algorithm} signs with a private_key, not with a secret")
        if self.private_key and self.algorithm.symmetric:
            raise ValueError(f"{self.algorithm} signs with a secret, not with a private_key")
        return self

    @property
    def given(self) -> bool:
        """Whether the scenario brings a key."""
        return bool(
            self.secret.get_secret_value() or self.secret_base64.get_secret_value() or self.private_key
        )


class Target(_Model):
    """The PostgREST, or the gateway before it, that is tested. With no url the embedded stack stands in."""

    url: str = Field("", pattern=r"^(https?://\S+)?$")
    database: SecretStr = SecretStr("")
    jwt: Jwt = Jwt()
    headers: dict[str, SecretStr] = {}
    timeout: Duration = Field(10.0, gt=0)
    max_answer: Size = Field(64 * 10**6, description="a longer answer is cut off and judged unknown")


class Program(_Model):
    """A program of the scenario's own, started with the stack and ready when its port answers."""

    run: str = Field(min_length=1)


class PgBouncer(_Model):
    """PgBouncer with `mode` as its pool_mode, `size` as its default_pool_size, and any other setting."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Scalar]

    mode: Literal["transaction", "session", "statement"] = "transaction"
    size: int = Field(4, ge=1, le=1000)

    @property
    def settings(self) -> dict[str, Scalar]:
        """The other settings, as PgBouncer names them."""
        return self.__pydantic_extra__ or {}


def _pooler_form(value: object) -> str:
    if value == "none":
        return "none"
    given = value.get("run") if isinstance(value, dict) else getattr(value, "run", None)
    return "run" if given is not None else "pgbouncer"


Pooler = Annotated[
    Annotated[Literal["none"], Tag("none")]
    | Annotated[Program, Tag("run")]
    | Annotated[PgBouncer, Tag("pgbouncer")],
    Discriminator(_pooler_form),
]


class Stack(_Model):
    """The embedded PostgreSQL, pooler and PostgREST that stand in when no target is given."""

    sql: list[str] = Field([], description="files run as `owner`, in order, relative to the scenario")
    owner: Name = "role_admin"
    role: Name = "role_readwrite"
    pooler: Pooler = PgBouncer()
    postgres: dict[str, Scalar] = Field({}, description="any PostgreSQL setting")
    postgrest: dict[str, Scalar] = Field({}, description="any PostgREST setting")
    gateway: Program | None = None


class Expect(_Model):
    """What the right answer is. Several expectations must all hold."""

    rows: str | list[dict[str, Any]] | None = None
    rows_as_identity: str | None = None
    count: int | str | None = None
    headers: dict[str, str | None] = Field({}, description="null: the header must be absent")
    json_: Any = Field(None, alias="json")
    status: int | list[int] | None = None
    error: str | None = Field(None, description="PostgREST's or PostgreSQL's code, such as 42501")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("expects nothing, so nothing would be checked: add rows, status or another")
        if self.rows is not None and self.rows_as_identity is not None:
            raise ValueError("give rows or rows_as_identity, not both")
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


class ClaimMix(_Model):
    """Identities made alike: by count, or one for each row that `from` reads."""

    name: Name
    weight: float = Field(1.0, ge=0)
    count: int = Field(1, ge=1, le=10_000_000)
    claims: dict[str, Any] = {}
    from_: str | None = Field(None, alias="from")
    token: TokenKind = TokenKind.VALID
    expect: Expect | None = None

    @model_validator(mode="after")
    def _count_or_query(self) -> Self:
        if self.from_ is not None and "count" in self.model_fields_set:
            raise ValueError("`from` makes one identity for each row: leave `count` out")
        return self


class IntRange(_Model):
    """An integer drawn evenly between two bounds, both included."""

    int_: tuple[int, int] = Field(alias="int")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.int_[0] > self.int_[1]:
            raise ValueError("the first bound is above the second")
        return self


class Choice(_Model):
    """One of the values listed, each as likely."""

    choice: list[Scalar] = Field(min_length=1)


def _variable_form(value: object) -> str:
    if value == "uuid":
        return "uuid"
    given = value.get("choice") if isinstance(value, dict) else getattr(value, "choice", None)
    return "choice" if given is not None else "int"


Variable = Annotated[
    Annotated[Literal["uuid"], Tag("uuid")]
    | Annotated[IntRange, Tag("int")]
    | Annotated[Choice, Tag("choice")],
    Discriminator(_variable_form),
]


class Request(_Model):
    """A template of what is sent; exactly one method holds its path."""

    name: Name
    weight: float = Field(1.0, ge=0)
    get: str | None = None
    post: str | None = None
    patch: str | None = None
    put: str | None = None
    delete: str | None = None
    head: str | None = None
    headers: dict[str, str] = {}
    body: Any = None
    vars: dict[str, Variable] = {}
    as_: list[str] = Field([], alias="as")
    expect: Expect

    @model_validator(mode="after")
    def _one_method(self) -> Self:
        if sum(getattr(self, method) is not None for method in METHODS) != 1:
            raise ValueError(f"give exactly one of {', '.join(METHODS)} with the path")
        if not self.path.startswith("/"):
            raise ValueError(f"the path must start with a slash: /{self.path}")
        return self

    @property
    def method(self) -> str:
        """The HTTP method, in capitals."""
        return next(method for method in METHODS if getattr(self, method) is not None).upper()

    @property
    def path(self) -> str:
        """The path and query, with its placeholders."""
        path: str = getattr(self, self.method.lower())
        return path

    @property
    def ordered(self) -> bool:
        """Whether the path fixes the order of the rows."""
        return "?order=" in self.path or "&order=" in self.path


class Phase(_Model):
    """One stretch of load: closed loop by `concurrency`, or open loop by `rate`."""

    name: Name
    concurrency: int | None = Field(None, ge=1, le=100_000)
    rate: Rate | None = Field(None, gt=0)
    ramp_to: Rate | None = Field(None, gt=0)
    arrivals: Literal["constant", "poisson"] = "constant"
    max_in_flight: int = Field(256, ge=1, le=100_000)
    duration: Duration | None = Field(None, gt=0)
    requests: int | None = Field(None, ge=1)
    measure: bool = True

    @model_validator(mode="after")
    def _one_loop(self) -> Self:
        if (self.concurrency is None) == (self.rate is None):
            raise ValueError("give concurrency (closed loop) or rate (open loop)")
        if (self.duration is None) == (self.requests is None):
            raise ValueError("give duration or requests")
        open_only = {"ramp_to", "arrivals", "max_in_flight"} & self.model_fields_set
        if self.rate is None and open_only:
            raise ValueError(f"{', '.join(sorted(open_only))} goes with rate, not with concurrency")
        if self.ramp_to is not None and self.duration is None:
            raise ValueError("ramp_to needs a duration")
        return self


class Thresholds(_Model):
    """What a run must also reach. Latencies and error_rate are upper limits, the others lower ones."""

    p50: Duration | None = None
    p90: Duration | None = None
    p95: Duration | None = None
    p99: Duration | None = None
    p999: Duration | None = None
    max: Duration | None = None
    error_rate: Share | None = None
    throughput: Rate | None = None
    checked: int | None = Field(None, ge=0)
    identities: int | None = Field(None, ge=0)
    backends: int | None = Field(None, ge=0)
    handoffs: int | None = Field(None, ge=0)
    distinct_handoffs: int | None = Field(None, ge=0)


class Fault(_Model):
    """Something that breaks on purpose during the run. Not in this version."""

    model_config = ConfigDict(extra="allow")

    do: str


class Scenario(_Model):
    """A whole scenario file."""

    name: Name
    description: str = ""
    target: Target = Target()
    stack: Stack = Stack()
    identities: list[ClaimMix] = Field(min_length=1)
    requests: list[Request] = Field(min_length=1)
    load: list[Phase] = Field([Phase(name="steady", concurrency=16, duration=10.0)], min_length=1)
    thresholds: Thresholds = Thresholds()
    faults: list[Fault] = []

    def applies(self, request: Request, mix: ClaimMix) -> bool:
        """Whether identities of this mix send this request."""
        return not request.as_ or mix.name in request.as_
