"""Messages: what is sent for a draw, byte for byte."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlsplit

import orjson

from loadcheck import __version__
from loadcheck.engine.events import Draw
from loadcheck.errors import UsageProblem
from loadcheck.identity.population import Identity
from loadcheck.oracle.stamp import NONCE_HEADER
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.names import MARK
from loadcheck.scenario.placeholders import Template, fill_value, value_names
from loadcheck.scenario.request import Request

T = TypeVar("T")
Variables = Mapping[str, Any]

_TOKEN: Final = "Authorization"  # noqa: S105 -- a header's name
_OWN: Final = (_TOKEN, NONCE_HEADER)
_JSON: Final = "application/json"
_DEFAULT: Final = {"Accept": _JSON, "User-Agent": f"loadcheck/{__version__}"}
_URL_SAFE: Final = "%/?=&,.:;()*!'@$+~-_[]"
_UNSENDABLE: Final = re.compile(r"[\r\n\0]")
# About 20 MB: beyond that, making a part again costs less than it would take to keep it.
_KEPT: Final = 40_000

_encode: Final = partial(quote, safe="")


class Headers(dict[str, str]):
    """Headers that many messages share, with their text made once."""

    __slots__ = ("names_host", "text")

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(fields)
        self.text = header_lines(self.items())
        """The same as HTTP/1.1 writes them, a line each."""
        self.names_host = any(name.lower() == "host" for name in fields)
        """Whether they take the place of the Host header."""


@dataclass(slots=True)
class Message:
    """What is sent.

    Attributes:
        method: In capitals.
        url: Absolute and percent-encoded; its path and query go on the wire as they stand.
        shared: The headers that it has in common with others.
        own: Those that are its alone: name and value of each.
        body: None when there is none.
        pause: Seconds for which its answer is left unread.
    """

    method: str
    url: str
    shared: Headers = field(repr=False)
    own: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes | None = None
    pause: float = 0.0

    @property
    def headers(self) -> dict[str, str]:
        """All headers but those that frame the message. They hold secrets, so the repr leaves them out."""
        return {**self.shared, **dict(self.own)}

    def with_headers(self, headers: Mapping[str, str]) -> "Message":
        """Return the message with these headers in place of all of its own."""
        return replace(self, shared=Headers(headers), own=())


class Composer:
    """Composes the message of a draw.

    What depends on no variable is made once; what depends on the identity alone is kept for the first identities
    that need it. It is never replaced: identities take turns, so the one used longest ago is the next one due.

    Args:
        scenario: Its requests, and the headers of its target.
        population: What the draws' identities point into.
        base_url: Where the target is; its path goes before each request's.
        authorization: Returns the Authorization header of the identity with that index, None when it sends none.
        nonce: Returns what tells the draw's exchange from every other; the stamp gives it back.
        mark: Returns what the rows that the draw writes carry.

    Raises:
        UsageProblem: base_url or a header of the target's cannot be used.
    """

    def __init__(
        self,
        scenario: Scenario,
        population: Sequence[Identity],
        base_url: str,
        authorization: Callable[[int], str | None],
        nonce: Callable[[Draw], str],
        mark: Callable[[Draw], str],
    ) -> None:
        self._population = tuple(population)
        self._authorization = authorization
        self._nonce = nonce
        self._mark = mark
        base = target_url(base_url)
        given = {name: secret.get_secret_value() for name, secret in scenario.target.headers.items()}
        room = _KEPT // len(scenario.requests)
        self._shapes = [_Shape(request, base, given, room) for request in scenario.requests]

    def compose(self, draw: Draw) -> Message:
        """Return the message of a draw, with its identity's token as it is now.

        Raises:
            UsageProblem: a value cannot stand in a header.
        """
        shape = self._shapes[draw.request]
        identity = self._population[draw.identity]
        values = (*draw.values, self._mark(draw)) if shape.marked else draw.values
        shared, instead = shape.headers.of(identity, values)
        authorization = self._authorization(draw.identity) or instead
        nonce = (NONCE_HEADER, self._nonce(draw))
        own = (nonce,) if authorization is None else (nonce, (_TOKEN, authorization))
        url, body = shape.url.of(identity, values), shape.body.of(identity, values)
        return Message(shape.method, url, shared, own, body, draw.pause)


class _Shape:
    """A request, compiled."""

    def __init__(self, request: Request, base: str, given: Mapping[str, str], room: int) -> None:
        path = Template(request.path)
        headers = _Headers(request, given)
        body = _Body(request.body, headers.content_type)
        self.marked = request.writes is not None
        drawn = (*request.vars, MARK) if self.marked else tuple(request.vars)
        self.method = request.method
        self.url = _Part(path.names, drawn, room, partial(_url, base, path))
        self.headers = _Part(headers.names, drawn, room, headers.fill)
        self.body = _Part(body.names, drawn, room, body.fill)


class _Part(Generic[T]):
    """One part of a message, made only as often as the variables in it ask for."""

    def __init__(
        self, names: frozenset[str], drawn: tuple[str, ...], room: int, make: Callable[[Variables], T]
    ) -> None:
        self._drawn = drawn
        self._make = make
        self._room = room
        self._by_draw = not names.isdisjoint(drawn)
        self._constant = () if names else (make({}),)
        self._kept: dict[int, T] = {}

    def of(self, identity: Identity, values: tuple[Scalar, ...]) -> T:
        """Return the part as it is for an identity and the values drawn."""
        if self._constant:
            return self._constant[0]
        if identity.index in self._kept:
            return self._kept[identity.index]
        drawn = dict(zip(self._drawn, values, strict=True))
        made = self._make({**identity.claims, **identity.variables, **drawn})
        if not self._by_draw and len(self._kept) < self._room:
            self._kept[identity.index] = made
        return made


class _Headers:
    """A request's headers: its own go before the target's, and those before the default ones."""

    def __init__(self, request: Request, given: Mapping[str, str]) -> None:
        self._where = f"request {request.name!r}"
        self._own = {_spelled(name): Template(value) for name, value in request.headers.items()}
        self.names = frozenset[str]().union(*(template.names for template in self._own.values()))
        for name, value in given.items():
            _check("target.headers", name, value)
        typed = {} if request.body is None else {"Content-Type": _JSON}
        own = {name.lower(): value for name, value in request.headers.items()}
        others = {
            name.lower(): (_spelled(name), value)
            for layer in (_DEFAULT, typed, given)
            for name, value in layer.items()
            if name.lower() not in own
        }
        self._fixed = dict(others.values())
        self.content_type = own.get("content-type") or others.get("content-type", ("", ""))[1]

    def fill(self, variables: Variables) -> tuple[Headers, str | None]:
        """Return all but an exchange's own, and what is sent as Authorization by those who have no token."""
        filled = {name: template.fill(variables) for name, template in self._own.items()}
        for name, value in filled.items():
            _check(self._where, name, value)
        fields = self._fixed | filled
        return Headers({name: fields[name] for name in fields if name not in _OWN}), fields.get(_TOKEN)


class _Body:
    """The body of a request: JSON, or a text as it stands where its content type is another one."""

    def __init__(self, template: Any, content_type: str) -> None:
        self._template = template
        self._as_text = isinstance(template, str) and "json" not in content_type.lower()
        self.names = value_names(template)

    def fill(self, variables: Variables) -> bytes | None:
        if self._template is None:
            return None
        if self._as_text:
            return Template(self._template).fill(variables).encode()
        return _json(fill_value(self._template, variables))


def target_url(url: str) -> str:
    """Return the target's URL, checked and encoded, without a slash at its end.

    Raises:
        UsageProblem: it cannot be sent to. The URL is not repeated: it may hold a password.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        place = parts.netloc.encode("idna").decode()
    except ValueError:
        usable = False
    if not usable:
        raise UsageProblem("target.url has no usable host and port", "Write it like http://localhost:3000")
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageProblem(
            "target.url holds more than scheme, host, port and path",
            "Leave the rest out. Credentials for a gateway go into target.headers.",
        )
    return f"{parts.scheme}://{place}{quote(parts.path.rstrip('/'), safe=_URL_SAFE)}"


def _url(base: str, path: Template, variables: Variables) -> str:
    """Return an absolute URL: values are encoded whole, the path only where a URL could not hold it."""
    return base + quote(path.fill(variables, _encode), safe=_URL_SAFE)


def header_lines(fields: Iterable[tuple[str, str]]) -> str:
    """Return headers as HTTP/1.1 writes them, a line each."""
    return "".join([f"{name}: {value}\r\n" for name, value in fields])


def _spelled(name: str) -> str:
    """Return a header's name as it is; but an exchange's own have one spelling each, and take the others' place."""
    return next((own for own in _OWN if own.lower() == name.lower()), name)


def _check(where: str, name: str, value: str) -> None:
    if _UNSENDABLE.search(value):
        raise UsageProblem(
            f"{where}: the value of the header {name} has a line break or a NUL in it",
            "HTTP cannot send that. Look for one at the end of a variable's value.",
        )


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # an integer of more than 64 bits, which a numeric column holds
        return json.dumps(value, separators=(",", ":")).encode()
