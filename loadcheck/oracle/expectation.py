"""Expectations compiled: what a scenario expects of each request from each claim mix, ready to be asked and judged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from loadcheck.oracle.form import Form
from loadcheck.oracle.query import Query
from loadcheck.scenario.binding import bind
from loadcheck.scenario.claim_mix import ClaimMix, TokenKind
from loadcheck.scenario.expect import Expect
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.placeholders import Template
from loadcheck.scenario.request import Request
from loadcheck.scenario.writes import Written

Loc = tuple[str | int, ...]
"""Where in the scenario something stands, such as `("requests", 0, "expect")`."""

_WITH_CONTENT: Final = frozenset({200, 206})
_CREATED: Final = 201
_SUCCESS: Final = frozenset(range(200, 300))
# What a broken token gets where the scenario says nothing else. Without any token a caller may be anonymous.
_REFUSED: Final = Expect(status=401)
_FAILURE: Final = frozenset(range(400, 600))


@dataclass(frozen=True)
class Expectation:
    """What one request must answer to an identity of one claim mix.

    Attributes:
        loc: Where the scenario says so.
        statuses: The statuses that are right.
        error: The error code that is right; None when none is expected.
        headers: Lower-case names with the template of the right value; None where the header must be absent.
        json: The template of the whole body, in a tuple of one; empty when none is expected.
        query: What the oracle asks PostgreSQL; None when it need not.
        literal: Rows that the scenario itself lists; None when it does not.
        count: The count that the scenario itself gives; None when it does not.
        order: The columns that fix the rows' order; empty where it does not matter.
        whole: Whether a GET asks for the whole result of a table, so that Content-Range tells how many rows there are.
        counted: Whether the total in Content-Range is asked for, and exact.
        drawn: Names of request variables on which the truth depends.
        by_identity: Whether the truth depends on the identity, too.
        written: Which of the run's own rows are expected; None when none are.
        bodiless: Whether it is of a HEAD, whose answer has no body.
    """

    loc: Loc
    statuses: frozenset[int]
    error: str | None
    headers: tuple[tuple[str, Template | None], ...]
    json: tuple[Any, ...]
    query: Query | None
    literal: Sequence[Any] | None
    count: int | None
    order: tuple[str, ...]
    whole: bool
    counted: bool
    drawn: frozenset[str]
    by_identity: bool
    written: Written | None = None
    bodiless: bool = False

    @cached_property
    def expects_rows(self) -> bool:
        """Whether rows are compared."""
        return self.literal is not None or (self.query is not None and self.query.reads_rows)

    @property
    def of_identity(self) -> bool:
        """Whether it stands with the identity, whatever it asks for, rather than with the request."""
        return self.loc[0] == "identities"

    @cached_property
    def needs_truth(self) -> bool:
        """Whether a truth must be at hand to judge."""
        return self.query is not None or self.literal is not None or self.count is not None


REFUSAL: Final = Expectation(
    loc=("faults",),
    statuses=frozenset({401}),
    error=None,
    headers=(),
    json=(),
    query=None,
    literal=None,
    count=None,
    order=(),
    whole=False,
    counted=False,
    drawn=frozenset(),
    by_identity=False,
)
"""What a token must get that is sent on purpose in the place of an identity's own, and is no longer right."""


class Expectations:
    """The expectation of every request and claim mix that belong together.

    Args:
        scenario: A scenario that `load` accepted.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._of = {
            (r, m): _compile(request, r, mix, m)
            for r, request in enumerate(scenario.requests)
            for m, mix in enumerate(scenario.identities)
            if scenario.applies(request, mix)
        }

    def of(self, request: int, mix: int) -> Expectation:
        """Return what the request must answer to the mix's identities.

        Raises:
            KeyError: the mix does not send the request.
        """
        return self._of[request, mix]

    def get(self, request: int, mix: int) -> Expectation | None:
        """Return the same, or None when the mix does not send the request."""
        return self._of.get((request, mix))

    def __iter__(self) -> Iterator[tuple[int, int, Expectation]]:
        """Yield request, mix and expectation."""
        return ((r, m, expectation) for (r, m), expectation in self._of.items())


def _compile(request: Request, r: int, mix: ClaimMix, m: int) -> Expectation:
    expect, loc = _applying(request, r, mix, m)
    query = _query(expect, request)
    return Expectation(
        loc=loc,
        statuses=_statuses(expect, request),
        error=expect.error,
        headers=tuple(
            (name.lower(), None if value is None else Template(value)) for name, value in expect.headers.items()
        ),
        json=(expect.json_,) if expect.expects_json else (),
        query=query,
        literal=expect.rows if isinstance(expect.rows, list) else None,
        count=expect.count if isinstance(expect.count, int) else None,
        order=request.order,
        whole=_whole(request),
        counted="count=exact" in request.header("prefer"),
        drawn=_drawn(request, expect, query),
        by_identity=query is not None and (query.as_identity or bool(set(query.names) - request.vars.keys())),
        written=expect.written,
        bodiless=request.method == "HEAD",
    )


def _applying(request: Request, r: int, mix: ClaimMix, m: int) -> tuple[Expect, Loc]:
    """Return the identity's own expectation if it has one, else that of a broken token, else the request's."""
    if mix.expect is not None:
        return mix.expect, ("identities", m, "expect")
    if mix.token not in {TokenKind.VALID, TokenKind.MISSING}:
        return _REFUSED, ("identities", m, "token")
    return request.expect, ("requests", r, "expect")


def _query(expect: Expect, request: Request) -> Query | None:
    as_identity = expect.rows_as_identity is not None
    rows = expect.rows_as_identity if as_identity else expect.rows if isinstance(expect.rows, str) else None
    count = expect.count if isinstance(expect.count, str) else None
    if rows is None and count is None:
        return None
    statements = bind(rows) if rows else None, bind(count) if count else None
    return Query(*statements, Form.of(request), as_identity=as_identity)


def _whole(request: Request) -> bool:
    parameters = {part.partition("=")[0] for part in request.path.partition("?")[2].split("&")}
    windowed = {"limit", "offset"} & parameters or "range" in map(str.lower, request.headers)
    # A function that returns JSON counts as one row, whatever is in it.
    return request.method == "GET" and not windowed and not request.function


def _drawn(request: Request, expect: Expect, query: Query | None) -> frozenset[str]:
    if query is not None:
        return frozenset(query.names) & request.vars.keys()
    # Literal rows may hold placeholders anywhere: without a look inside, they may depend on every variable.
    return frozenset(request.vars) if isinstance(expect.rows, list) and expect.rows else frozenset()


def _statuses(expect: Expect, request: Request) -> frozenset[int]:
    if expect.statuses:
        return frozenset(expect.statuses)
    if expect.error is not None:
        return _FAILURE
    reads = {"rows", "rows_as_identity", "written", "count", "json_"} & expect.model_fields_set
    if not reads:
        return _SUCCESS
    return _WITH_CONTENT if request.safe else _WITH_CONTENT | {_CREATED}
