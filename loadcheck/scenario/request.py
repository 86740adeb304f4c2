"""Requests: what is asked, and how its variables are drawn."""

from itertools import chain
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import unquote

from pydantic import Discriminator, Field, Tag, model_validator

from loadcheck.scenario.base import Name, Scalar, Strict, Text
from loadcheck.scenario.expect import Expect
from loadcheck.scenario.writes import Does, Writes

_RPC: Final = "/rpc/"
METHODS: Final = ("get", "post", "patch", "put", "delete", "head")


class IntRange(Strict):
    """An integer drawn evenly between two bounds, both included."""

    int_: tuple[int, int] = Field(alias="int")
    """The lowest and the highest, both included."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.int_[0] > self.int_[1]:
            raise ValueError("the first bound is above the second")
        return self


class Choice(Strict):
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


class Request(Strict):
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
    def function(self) -> str:
        """The function that it calls; empty where it asks for a table."""
        path = self.path.partition("?")[0]
        return unquote(path.removeprefix(_RPC)) if path.startswith(_RPC) else ""

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
            return None if self.function else self._posts
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
