"""What the target shows of itself to a few questions: its version, its clock, its answer to each kind of token."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.events import Answer, Draw, Lost
from loadcheck.engine.messages import Composer, Headers, Message
from loadcheck.engine.transport import LostAnswer, Transport
from loadcheck.engine.unanswered import unanswered
from loadcheck.errors import EnvironmentProblem
from loadcheck.identity.population import Identity, Population
from loadcheck.identity.tokens import Mint
from loadcheck.judge.errors import code_of
from loadcheck.oracle.expectation import Expectations
from loadcheck.oracle.stamp import HEADER
from loadcheck.run.preparing.preflight import any_value, date_of
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.model import Scenario

_BROKEN: Final = (TokenKind.EXPIRED, TokenKind.WRONG_KEY, TokenKind.UNSIGNED)
_TOTAL: Final = re.compile(r"(?:(\d+)-(\d+)|\*)/(\d+)")
_PAGES: Final = 10  # requests that are asked how many rows they have


@dataclass(frozen=True, slots=True)
class Trial:
    """One question with one kind of token.

    Attributes:
        identity: Who asked, by label; for a token that the scenario does not have, its kind.
        token: The kind of token.
        request: What was asked, by the request's name.
        expected: The statuses that are right.
        status: What was answered; None when there was no whole answer.
        code: PostgREST's or PostgreSQL's error code in the answer, if it carries one.
    """

    identity: str
    token: TokenKind
    request: str
    expected: frozenset[int]
    status: int | None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """How many rows came of how many, for a request that sets no limit."""

    request: str
    rows: int
    total: int


@dataclass(frozen=True, slots=True)
class Target:
    """What the target showed.

    Attributes:
        url: Where it is.
        lost: Why it did not answer at all; None when it did.
        server: The Server header.
        ahead: By how many seconds its clock is ahead of ours; None where it does not tell.
        stamped: Whether a right answer carried the stamp; None where there was no right answer.
        trials: Its answers to each kind of token.
        pages: What came of requests that set no limit.
    """

    url: str
    lost: EnvironmentProblem | None
    server: str = ""
    ahead: float | None = None
    stamped: bool | None = None
    trials: tuple[Trial, ...] = ()
    pages: tuple[Page, ...] = ()


class Asker:
    """Asks the target, one question after another; nothing is written.

    Args:
        scenario: Says what to ask.
        folder: The scenario's folder.
        population: At least the first identity of each mix.
        transport: Sends.
        clock: Tells the time that tokens are signed at.
    """

    def __init__(
        self, scenario: Scenario, folder: Path, population: Population, transport: Transport, clock: Clock
    ) -> None:
        self._scenario = scenario
        self._population = population
        self._expectations = Expectations(scenario)
        self._mint = Mint(scenario.target.jwt, folder, clock)
        self._transport = transport
        self._clock = clock
        self._stamped: bool | None = None
        url = scenario.target.url
        self._composer = Composer(scenario, population, url, lambda _: None, lambda _: "doctor", lambda _: "")

    async def look(self) -> Target:
        """Ask everything."""
        url = self._scenario.target.url
        before = self._clock.wall()
        answer = await self._ask(Message("GET", f"{url}/", Headers({})))
        if isinstance(answer, LostAnswer):
            return Target(url, lost=unanswered(answer, self._scenario.target))
        theirs = date_of(answer)
        ahead = None if theirs is None else theirs - (before + self._clock.wall()) / 2
        self._mint.offset = ahead or 0.0
        trials = [await self._try(*question) for question in self._questions()]
        pages = [page for draw in self._whole() if (page := await self._page(draw)) is not None]
        server = answer.headers.get("server", "")
        return Target(url, None, server, ahead, self._stamped, tuple(trials), tuple(pages))

    def _questions(self) -> Iterator[tuple[str, Identity, Draw, frozenset[int]]]:
        """Yield one question for each mix, and for each kind of broken token that the scenario has none of."""
        first: tuple[Identity, Draw] | None = None
        for mix, indexes in enumerate(self._population.ranges):
            draw = self._first_draw(mix) if indexes else None
            if draw is None:
                continue
            identity = self._population[draw.identity]
            yield identity.label, identity, draw, self._expectations.of(draw.request, mix).statuses
            first = first or ((identity, draw) if identity.token is TokenKind.VALID else None)
        missing = set(_BROKEN) - {mix.token for mix in self._scenario.identities}
        if first is not None:
            for kind in sorted(missing):
                yield f"a token that is {kind}", replace(first[0], token=kind), first[1], frozenset({401})

    def _first_draw(self, mix: int) -> Draw | None:
        """Return the first reading that the mix's first identity sends."""
        for index, request in enumerate(self._scenario.requests):
            if request.safe and self._expectations.get(index, mix) is not None:
                return self._draw(index, mix)
        return None

    def _draw(self, request: int, mix: int) -> Draw:
        values = tuple(any_value(variable) for variable in self._scenario.requests[request].vars.values())
        return Draw(0, request, self._population.ranges[mix][0], values)

    def _whole(self) -> list[Draw]:
        """Return a draw for each request that asks for all of a table and should get it."""
        draws = [
            self._draw(r, m)
            for r, m, expectation in self._expectations
            if expectation.whole and expectation.statuses & {200, 206} and self._population.ranges[m]
        ]
        return list({draw.request: draw for draw in reversed(draws)}.values())[:_PAGES]

    async def _try(self, label: str, identity: Identity, draw: Draw, expected: frozenset[int]) -> Trial:
        name = self._scenario.requests[draw.request].name
        answer = await self._ask(self._signed(draw, identity))
        if isinstance(answer, LostAnswer):
            return Trial(label, identity.token, name, expected, None)
        if answer.status in {200, 206} and not self._stamped:
            self._stamped = HEADER in answer.headers
        return Trial(label, identity.token, name, expected, answer.status, code_of(answer))

    async def _page(self, draw: Draw) -> Page | None:
        message = self._signed(draw, self._population[draw.identity])
        headers = {name: value for name, value in message.headers.items() if name.lower() != "prefer"}
        answer = await self._ask(replace(message.with_headers({**headers, "Prefer": "count=exact"}), method="HEAD"))
        told = None if isinstance(answer, LostAnswer) else _TOTAL.fullmatch(answer.headers.get("content-range", ""))
        if told is None:
            return None
        rows = 0 if told[1] is None else int(told[2]) - int(told[1]) + 1
        return Page(self._scenario.requests[draw.request].name, rows, int(told[3]))

    def _signed(self, draw: Draw, identity: Identity) -> Message:
        message = self._composer.compose(draw)
        token = self._mint.token(identity)
        return (
            message if token is None else message.with_headers({**message.headers, "Authorization": f"Bearer {token}"})
        )

    async def _ask(self, message: Message) -> Answer | LostAnswer:
        """Return the answer, or why there is none; a kept connection may have been closed between two questions."""
        for again in (True, False):
            try:
                return await self._transport.send(message)
            except LostAnswer as loss:
                if not again or loss.lost is not Lost.DISCONNECTED:
                    return loss
        raise AssertionError("the second try returns")
