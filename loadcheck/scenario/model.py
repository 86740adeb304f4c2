"""The scenario format, version 1, as typed models: what a scenario file may say, and nothing more."""

import re
from enum import StrEnum
from itertools import chain
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import unquote

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    model_validator,
)

from loadcheck.scenario.fault import Fault
from loadcheck.scenario.thresholds import Thresholds
from loadcheck.scenario.units import Duration, Rate, Share, Size

METHODS: Final = ("get", "post", "patch", "put", "delete", "head")
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,18}")


def _number_as_text(value: object) -> object:
    return str(value) if type(value) is int else value


def _text_as_number(value: object) -> object:
    """Take what a variable holds for the number that it looks like."""
    return int(value) if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value) else value


Scalar = bool | int | float | str
Text = Annotated[str, BeforeValidator(_number_as_text)]
"""Text that people may well write as a whole number, such as an error code."""
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f#]+$"), BeforeValidator(_number_as_text)]


class _Model(BaseModel):
    """Frozen, and with no room for a mistyped key."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


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
    """The secret that HS* signs with, as PostgREST's jwt-secret has it."""
    secret_base64: SecretStr = SecretStr("")
    """The same in base64, as with PostgREST's jwt-secret-is-base64."""
    private_key: str = ""
    """A PEM file, relative to the scenario."""
    algorithm: Algorithm = Algorithm.HS256
    """What tokens are signed with."""
    ttl: Duration = Field(600.0, ge=2)
    """For how long a token is valid; it is signed again before that."""

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
        return bool(self.secret.get_secret_value() or self.secret_base64.get_secret_value() or self.private_key)


class Target(_Model):
    """The PostgREST, or the gateway before it, that is tested. With no url the embedded stack stands in."""

    url: str = Field("", pattern=r"^(https?://\S+)?$")
    """Where PostgREST or the gateway answers; empty: the embedded stack is started instead."""
    database: SecretStr = SecretStr("")
    """The oracle's DSN, direct or pooled: a role that row security does not bind."""
    jwt: Jwt = Jwt()
    """How tokens are signed."""
    headers: dict[str, SecretStr] = {}
    """Added to every request."""
    timeout: Duration = Field(10.0, gt=0)
    """An exchange that takes longer is given up."""
    max_answer: Size = Field(64 * 10**6, gt=0)
    """A longer answer is cut off and judged unknown."""
    transport: Literal["wire", "aiohttp"] = "wire"
    """What requests travel through: loadcheck's own HTTP/1.1, or aiohttp's."""
    proxy: str = Field("", pattern=r"^(https?://\S+)?$")
    """An HTTP proxy to go through, by aiohttp; empty: none, whatever the environment says."""


class Program(_Model):
    """A program of the scenario's own, started with the stack and ready when its port answers."""

    run: str = Field(min_length=1)
    """The command line, with placeholders: {port} {database}, and for a gateway {url} {pooled_database}."""


class PgBouncer(_Model):
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


class Stack(_Model):
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


class Does(StrEnum):
    """What a write does to the rows that it reaches."""

    INSERT = "insert"
    UPSERT = "upsert"
    IGNORE = "ignore"
    UPDATE = "update"
    DELETE = "delete"


class Table(_Model):
    """A table that the run writes to. Each row carries the mark of the write that made it, so its writer is known."""

    mark: str = Field(min_length=1)
    """The text column that carries `{mark}`."""
    owner: dict[str, str] = Field(min_length=1)
    """The columns that say whose a row is, and what they hold for an identity: {tenant: "{tenant}"}."""
    key: str = ""
    """The column that tells the rows of one owner apart; none: rows are only added, and only deleted all at once."""


class Written(_Model):
    """Rows as the run's own writes have left them."""

    table: str
    """One of `tables`."""
    row: str = ""
    """The key of the one row that is meant, with placeholders; empty: all rows of the identity."""


class Writes(Written):
    """What a request writes."""

    does: Does | None = None
    """What it does; needed for a function only, for the method and its Prefer header tell it otherwise."""


class Expect(_Model):
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


class ClaimMix(_Model):
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


class IntRange(_Model):
    """An integer drawn evenly between two bounds, both included."""

    int_: tuple[int, int] = Field(alias="int")
    """The lowest and the highest, both included."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.int_[0] > self.int_[1]:
            raise ValueError("the first bound is above the second")
        return self


class Choice(_Model):
    """One of the values listed, each as likely."""

    choice: list[Scalar] = Field(min_length=1)
    """The values."""


def _variable_form(value: object) -> str | None:
    if value == "uuid":
        return "variable: uuid"
    if isinstance(value, Choice) or (isinstance(value, dict) and "choice" in value):
        return "variable: choice"
    return "variable: int" if isinstance(value, IntRange | dict) else None


Variable = Annotated[
    Annotated[Literal["uuid"], Tag("variable: uuid")]
    | Annotated[IntRange, Tag("variable: int")]
    | Annotated[Choice, Tag("variable: choice")],
    Discriminator(
        _variable_form,
        custom_error_type="form",
        custom_error_message="must be {int: [from, to]}, {choice: [one, another]} or `uuid`",
    ),
]


class Request(_Model):
    """A template of what is sent; exactly one method holds its path."""

    name: Name
    """What people call it."""
    weight: float = Field(1.0, ge=0)
    """Its part of the traffic, beside the others' weights."""
    get: str | None = None
    """GET this path and query, with placeholders."""
    post: str | None = None
    """POST to this path, with placeholders."""
    patch: str | None = None
    """PATCH this path, with placeholders."""
    put: str | None = None
    """PUT to this path, with placeholders."""
    delete: str | None = None
    """DELETE this path, with placeholders."""
    head: str | None = None
    """HEAD of this path, with placeholders."""
    headers: dict[str, Text] = {}
    """Headers of this request, with placeholders."""
    body: Any = None
    """JSON with placeholders: a text that is one placeholder and nothing else becomes the value itself."""
    vars: dict[str, Variable] = {}
    """Variables drawn for each exchange from the run's seed."""
    as_: list[str] = Field([], alias="as")
    """Only these identities send it; empty: all do."""
    writes: Writes | None = None
    """What it writes, so that it is followed up; `{mark}` is then a placeholder, different for each exchange."""
    expect: Expect
    """What the right answer is."""

    @model_validator(mode="after")
    def _one_method(self) -> Self:
        if sum(getattr(self, method) is not None for method in METHODS) != 1:
            raise ValueError(f"give exactly one of {', '.join(METHODS)} with the path")
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
    def safe(self) -> bool:
        """Whether PostgREST runs it in a read-only transaction."""
        return self.method in {"GET", "HEAD"}

    def header(self, name: str) -> str:
        """Return the template of a header, by its name in lower case; empty when it sends none."""
        return next((value for given, value in self.headers.items() if given.lower() == name), "")

    @property
    def does(self) -> Does | None:
        """What it does to the rows that it `writes`; None for a function that does not say so."""
        if self.writes is None or self.writes.does is not None:
            return None if self.writes is None else self.writes.does
        if self.method == "POST":
            return None if self.path.startswith("/rpc/") else self._posts
        return {"PUT": Does.UPSERT, "PATCH": Does.UPDATE, "DELETE": Does.DELETE}.get(self.method)

    @property
    def _posts(self) -> Does:
        prefer = self.header("prefer")
        if "resolution=merge-duplicates" in prefer:
            return Does.UPSERT
        return Does.IGNORE if "resolution=ignore-duplicates" in prefer else Does.INSERT

    @property
    def order(self) -> tuple[str, ...]:
        """The columns by which the path has the rows ordered; empty where it leaves their order open."""
        parameters = (part.partition("=") for part in self.path.partition("?")[2].split("&"))
        terms = [unquote(value).split(",") for name, _, value in parameters if name == "order"]
        return tuple(term.partition(".")[0] for term in chain.from_iterable(terms))


class Planned(_Model):
    """One exchange of a phase that lists its own."""

    identity: Annotated[str, Field(min_length=1, max_length=100)]
    """Who sends it, such as keeper#17 or no-claim."""
    request: Name
    """What is sent."""
    vars: dict[str, Scalar] = {}
    """The request's variables; those left out are drawn from the run's seed."""

    @property
    def mix(self) -> str:
        """The name of the sender's claim mix."""
        return self.identity.partition("#")[0]


class Phase(_Model):
    """One stretch of load: closed loop by `concurrency`, or open loop by `rate`."""

    name: Name
    """What people call it."""
    concurrency: int | None = Field(None, ge=1, le=100_000)
    """Closed loop: so many clients, each sends its next request when the last is answered."""
    rate: Rate | None = Field(None, gt=0)
    """Open loop: so many arrivals, whatever the answers take."""
    ramp_to: Rate | None = Field(None, gt=0)
    """The rate at the phase's end, reached evenly."""
    arrivals: Literal["constant", "poisson"] = "constant"
    """Whether arrivals come evenly or at random."""
    max_in_flight: int = Field(256, ge=1, le=100_000)
    """An arrival beyond so many unanswered ones is missed."""
    duration: Duration | None = Field(None, gt=0)
    """How long it lasts."""
    requests: int | None = Field(None, ge=1)
    """How many exchanges it has, in place of a duration."""
    exchanges: tuple[Planned, ...] = ()
    """Exactly these exchanges, in this order, in place of a duration and of drawn ones."""
    repeat: int = Field(1, ge=1, le=1_000_000)
    """How often `exchanges` are sent, one time after another."""
    measure: bool = True
    """Whether it counts: false for a warm-up."""

    @model_validator(mode="after")
    def _one_loop(self) -> Self:
        if (self.concurrency is None) == (self.rate is None):
            raise ValueError("give concurrency (closed loop) or rate (open loop)")
        if [self.duration, self.requests, self.exchanges or None].count(None) != 2:  # noqa: PLR2004 -- all but one
            raise ValueError("give duration or requests, or list exchanges")
        if self.exchanges and self.concurrency is None:
            raise ValueError("exchanges go with concurrency, not with rate")
        if "repeat" in self.model_fields_set and not self.exchanges:
            raise ValueError("repeat goes with exchanges")
        open_only = {"ramp_to", "arrivals", "max_in_flight"} & self.model_fields_set
        if self.rate is None and open_only:
            raise ValueError(f"{', '.join(sorted(open_only))} goes with rate, not with concurrency")
        if self.ramp_to is not None and self.duration is None:
            raise ValueError("ramp_to needs a duration")
        return self

    @property
    def budget(self) -> int | None:
        """How many exchanges it has; None when its duration decides."""
        return len(self.exchanges) * self.repeat or self.requests


class Hunt(_Model):
    """What is sent in the order that leaks hide behind, beside what the weights ask for.

    One request several times in a row, with the same variables if it reads, each time by another identity: every
    kind after every other, those with a claim and those without it most of all.
    """

    share: Share = 0.3
    """Part of the exchanges that hunt; 0 for the weights alone."""
    aborts: Share = 0.01
    """Part of the hunting reads that are given up on purpose, before their answer or during it."""


class TruthReading(_Model):
    """When expected rows are read. Each is read before it is needed, and again when an answer disagrees with it."""

    every: Duration | None = Field(300.0, ge=1)
    """How often those that depend on no drawn variable are read again; null: never."""


class Scenario(_Model):
    """A whole scenario file."""

    name: Name
    """Names the run's folder, too."""
    description: str = ""
    """What it shows, for people."""
    target: Target = Target()
    """What is tested; with no url the embedded stack stands in."""
    stack: Stack = Stack()
    """The embedded servers, for when no target is given."""
    identities: list[ClaimMix] = Field(min_length=1)
    """Who asks."""
    requests: list[Request] = Field(min_length=1)
    """What is asked, and what the right answer is."""
    tables: dict[str, Table] = {}
    """The tables that the run writes to and whose rows it follows, by name."""
    audit: Duration | None = Field(None, ge=1)
    """How often, beside the end of the run, the tables are held against what was written."""
    load: list[Phase] = Field([Phase(name="steady", concurrency=16, duration=10.0)], min_length=1)
    """Phases, in order."""
    hunt: Hunt = Hunt()
    """What is sent beside, in the order that leaks hide behind."""
    truth: TruthReading = TruthReading()
    """When expected rows are read again during the run."""
    thresholds: Thresholds = Thresholds()
    """What a run must reach besides correctness."""
    stop_on_fail: bool = False
    """Whether the run ends, in order, at the first violation or broken window of a threshold."""
    history_limit: Size = Field(2 * 10**9, gt=0)
    """How large the run's history may grow; near it, the right answers of fewer and fewer identities are kept."""
    faults: list[Fault] = []
    """What breaks on purpose during the run."""

    @property
    def planned(self) -> bool:
        """Whether its phases list their exchanges, so that nothing but variables is drawn."""
        return bool(self.load[0].exchanges)

    def applies(self, request: Request, mix: ClaimMix) -> bool:
        """Whether identities of this mix send this request."""
        return not request.as_ or mix.name in request.as_
