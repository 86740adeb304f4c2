"""Before the load: is there a PostgREST, does it take our tokens, and does it serve what the scenario asks for?

What would otherwise be 10,000 identical violations is told once, with the next step.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urljoin, urlsplit
from uuid import UUID

from loadcheck.clock import Clock
from loadcheck.engine.events import Answer, Draw, Exchange, Lost
from loadcheck.engine.messages import Headers, Message
from loadcheck.engine.transport import LostAnswer, Transport
from loadcheck.engine.unanswered import unanswered
from loadcheck.errors import EnvironmentProblem, UsageProblem
from loadcheck.judge.errors import code_of, is_outage
from loadcheck.oracle.rows import parse
from loadcheck.run.preparing.preparation import Prepared
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.request import Choice, IntRange, Variable

_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_MIXES_TRIED: Final = 5
# PostgREST's own leeway is 30 s: https://docs.postgrest.org/en/v12/references/auth.html
_SKEW_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Preflight:
    """Asks a few questions of the target, one after another.

    Attributes:
        prepared: The scenario's identities and expectations.
        compose: Makes the message of a draw.
    """

    prepared: Prepared
    compose: Callable[[Draw], Message]
    transport: Transport
    clock: Clock

    @property
    def url(self) -> str:
        """The target."""
        return self.prepared.scenario.target.url

    async def skew(self) -> float:
        """Return by how many seconds the target's clock is ahead of ours; 0.0 where it is close or not told.

        Raises:
            EnvironmentProblem: nothing answers at the target.
        """
        before = self.clock.wall()
        answer = await self._ask(Message("GET", f"{self.url}/", Headers({})))
        theirs = date_of(answer)
        if theirs is None:
            return 0.0
        ahead = theirs - (before + self.clock.wall()) / 2
        return ahead if abs(ahead) > _SKEW_S else 0.0

    async def check(self) -> list[Exchange]:
        """Ask for each request once.

        Returns:
            What was asked: it may have left something on a backend, so the run's trail begins with it. Its numbers are
            below those of the run, as it came before.

        Raises:
            EnvironmentProblem: nothing answers at the target, or it refuses every token.
            UsageProblem: the target does not know what the scenario asks for.
        """
        probes = list(self._probes())
        answers = [await self._ask(self.compose(probe)) for probe in probes]
        if not answers:
            return []
        await self._refuse_wrong_key(probes, answers)
        self._refuse_outage(answers)
        self._refuse_redirects(answers)
        self._refuse_no_json(probes, answers)
        missing = [self._not_served(probe, answer) for probe, answer in zip(probes, answers, strict=True)]
        if any(missing):
            raise UsageProblem(
                "the target does not serve what the scenario asks for:\n" + "\n".join(filter(None, missing)),
                f"Is {self.url} the right PostgREST? Is the table in a schema of db-schemas, and was the schema cache "
                "reloaded since it was made (NOTIFY pgrst, 'reload schema')?",
            )
        asked = enumerate(zip(probes, answers, strict=True), start=-len(probes))
        return [Exchange(replace(probe, seq=seq), 0, 0.0, 0.0, 0.0, answer) for seq, (probe, answer) in asked]

    async def _refuse_wrong_key(self, probes: Sequence[Draw], answers: Sequence[Answer]) -> None:
        """Tell a wrong key, which refuses everybody, from a token that is refused now and then."""
        if any(answer.status != _UNAUTHORIZED for answer in answers):
            return
        others = list(self._others(probes[0]))
        answers = [*answers, *[await self._ask(self.compose(other)) for other in others]]
        if any(answer.status != _UNAUTHORIZED for answer in answers):
            return
        code = code_of(answers[0])
        raise EnvironmentProblem(
            f"{self.url} refuses every token ({_UNAUTHORIZED}{f', {code}' if code else ''})",
            "Check the key and the algorithm (--jwt-secret, target.jwt): they must be PostgREST's jwt-secret, "
            "secret_base64 where jwt-secret-is-base64 is set, and the claims must hold its jwt-aud if there is one.",
        )

    def _refuse_outage(self, answers: Sequence[Answer]) -> None:
        """Tell a target that cannot answer anybody."""
        if all(is_outage(answer) for answer in answers):
            status, code = min((answer.status, code_of(answer)) for answer in answers)
            raise EnvironmentProblem(
                f"{self.url} answers every request with {status}{f' ({code})' if code else ''}",
                "It is up, but what stands behind it is not: look at its log, its db-uri, and the pooler.",
            )

    def _refuse_redirects(self, answers: Sequence[Answer]) -> None:
        """Tell an address that only leads elsewhere, such as from http to https."""
        if all(answer.status in _REDIRECTS for answer in answers):
            there = urlsplit(urljoin(self.url, answers[0].headers.get("location", "")))
            raise EnvironmentProblem(
                f"{self.url} redirects every request ({answers[0].status})",
                f"None is followed. They lead to {there.scheme}://{there.netloc}: is that what --url should name?",
            )

    def _refuse_no_json(self, probes: Sequence[Draw], answers: Sequence[Answer]) -> None:
        """Tell a server that never speaks JSON from an answer that is broken now and then."""
        for probe, answer in zip(probes, answers, strict=True):
            request = self.prepared.scenario.requests[probe.request]
            if answer.status == _OK and answer.body and self._expects_rows(probe) and not _is_json(answer.body):
                kind = answer.headers.get("content-type", "no content type")
                raise EnvironmentProblem(
                    f"{self.url} answers request {request.name!r} with {kind}, not with JSON",
                    "Is it PostgREST that answers there, or a page before it? Does the request ask for another "
                    "format with an Accept header?",
                )

    def _expects_rows(self, probe: Draw) -> bool:
        return self.prepared.expectations.of(probe.request, self.prepared.population[probe.identity].mix).expects_rows

    def _probes(self) -> Iterator[Draw]:
        """Yield one draw for each request that reads and should succeed: nothing is written before its time."""
        for request, model in enumerate(self.prepared.scenario.requests):
            mixes = self._valid_mixes(request) if model.safe else []
            if mixes:
                yield self._draw(request, mixes[0])

    def _others(self, probe: Draw) -> Iterator[Draw]:
        mixes = self._valid_mixes(probe.request)[1:_MIXES_TRIED]
        return (self._draw(probe.request, mix) for mix in mixes)

    def _valid_mixes(self, request: int) -> list[int]:
        return [
            mix
            for mix, model in enumerate(self.prepared.scenario.identities)
            if model.token is TokenKind.VALID
            and self.prepared.population.ranges[mix]
            and (expectation := self.prepared.expectations.get(request, mix)) is not None
            and expectation.statuses & {200, 206}
        ]

    def _draw(self, request: int, mix: int) -> Draw:
        values = tuple(any_value(variable) for variable in self.prepared.scenario.requests[request].vars.values())
        return Draw(0, request, self.prepared.population.ranges[mix][0], values)

    async def _ask(self, message: Message) -> Answer:
        """Ask; once more where the target had closed the kept connection, as it may between two questions."""
        try:
            try:
                return await self.transport.send(message)
            except LostAnswer as loss:
                if loss.lost is not Lost.DISCONNECTED:
                    raise
                return await self.transport.send(message)
        except LostAnswer as loss:
            raise unanswered(loss, self.prepared.scenario.target) from None

    def _not_served(self, probe: Draw, answer: Answer) -> str | None:
        if answer.status != _NOT_FOUND:
            return None
        request = self.prepared.scenario.requests[probe.request]
        path = re.sub(r"\?.*", "", request.path)
        code = code_of(answer) or "no PostgREST error code"
        return f"  request {request.name!r}: {request.method} {path} answers 404 ({code})"


def any_value(variable: Variable) -> Scalar:
    """Return one of the values that a request's variable can take."""
    match variable:
        case IntRange(int_=(low, _)):
            return low
        case Choice(choice=[first, *_]):
            return first
        case _:
            return str(UUID(int=0))


def _is_json(body: bytes) -> bool:
    try:
        parse(body)
    except ValueError:
        return False
    return True


def date_of(answer: Answer) -> float | None:
    """Return the target's clock, in the middle of the whole second that its Date header names."""
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp() + 0.5
    except (KeyError, ValueError):
        return None
