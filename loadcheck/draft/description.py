"""A target's OpenAPI description: which tables and functions it serves (PostgREST writes Swagger 2.0)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from loadcheck.engine.events import Answer
from loadcheck.engine.messages import Headers, Message
from loadcheck.engine.transport import LostAnswer, Transport
from loadcheck.engine.unanswered import unanswered
from loadcheck.errors import EnvironmentProblem
from loadcheck.judge.errors import code_of
from loadcheck.scenario.target import Target

_OK: Final = 200
_NO_SUCH_SCHEMA: Final = "PGRST106"
_RPC: Final = "/rpc/"
_KEY: Final = "<pk/>"  # how PostgREST marks a column of the primary key, in its description
_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Served:
    """A table or view that the target serves.

    Attributes:
        path: As a request names it.
        columns: Those that it shows, in its order.
        key: Those of them that the primary key is made of.
    """

    path: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def plain(self) -> bool:
        """Whether every name can stand in SQL and in a query as it is."""
        return all(map(_PLAIN.fullmatch, (self.path, *self.columns)))


@dataclass(frozen=True, slots=True)
class Description:
    """What the target says of itself.

    Attributes:
        tables: Those that it serves to the role that asked.
        functions: The names of the functions that it serves.
        anonymous: Whether it answers without a token, too.
        profile: The schema, where requests must name it; empty where it is the one that others get.
    """

    tables: tuple[Served, ...]
    functions: tuple[str, ...]
    anonymous: bool
    profile: str


async def describe(transport: Transport, target: Target, schema: str, token: str) -> Description:
    """Ask the target what it serves of a schema, with a token and without one.

    Raises:
        EnvironmentProblem: it does not answer, takes no such token, serves no such schema, or does not describe itself.
    """
    headers = {name: value.get_secret_value() for name, value in target.headers.items()}
    authorized = {**headers, "Authorization": f"Bearer {token}"}
    signed = await _ask(transport, target, {**authorized, "Accept-Profile": schema})
    if code_of(signed) == _NO_SUCH_SCHEMA:
        raise EnvironmentProblem(
            f"{target.url} does not serve schema {schema}",
            f"{_message(signed)}. Name one of them by --schema, or add {schema} to PostgREST's db-schemas.",
        )
    if signed.status != _OK:
        raise EnvironmentProblem(
            f"{target.url}/ answers {signed.status} in place of its description",
            "Check --jwt-secret and --role; openapi-mode must not be `disabled`.",
        )
    unnamed = await _ask(transport, target, authorized)
    unsigned = await _ask(transport, target, headers)
    # PostgREST tells which schema it was only where it serves several.
    profile = "" if unnamed.headers.get("content-profile", schema) == schema else schema
    return _parsed(signed.body, target.url, anonymous=unsigned.status == _OK, profile=profile)


async def _ask(transport: Transport, target: Target, headers: Mapping[str, str]) -> Answer:
    try:
        asked = Headers({"Accept": "application/openapi+json", **headers})
        return await transport.send(Message("GET", f"{target.url}/", asked))
    except LostAnswer as loss:
        raise unanswered(loss, target) from None


def _message(refusal: Answer) -> str:
    return str(orjson.loads(refusal.body)["message"])


def _parsed(body: bytes, url: str, *, anonymous: bool, profile: str) -> Description:
    try:
        told: dict[str, Any] = orjson.loads(body)
        paths: dict[str, Any] = told["paths"]
        definitions: dict[str, Any] = told.get("definitions", {})
    except (ValueError, KeyError, TypeError):
        raise EnvironmentProblem(f"{url}/ answers with no OpenAPI description", "Is it PostgREST's own URL?") from None
    tables = [_served(name, definitions[name]) for name in sorted(definitions) if "get" in paths.get(f"/{name}", {})]
    functions = sorted(path.removeprefix(_RPC) for path in paths if path.startswith(_RPC))
    return Description(tuple(tables), tuple(functions), anonymous, profile)


def _served(path: str, definition: Mapping[str, Any]) -> Served:
    columns: dict[str, Any] = definition.get("properties", {})
    key = tuple(name for name, column in columns.items() if _KEY in column.get("description", ""))
    return Served(path, tuple(columns), key)
