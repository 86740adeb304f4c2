"""The lines of a history: one exchange each, with its verdict and what that rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from loadcheck.engine.events import Answer, Exchange
from loadcheck.identity.population import Identity
from loadcheck.judge.grounds import Grounds, Judged
from loadcheck.judge.verdict import OK, Cause, Ruling, Verdict
from loadcheck.oracle.expectation import Expectation, Expectations
from loadcheck.oracle.stamp import HEADER
from loadcheck.record.truth_book import TruthBook, encoded
from loadcheck.scenario.model import Scenario

_BODY_BYTES: Final = 4096
_CONTENT_RANGE: Final = "content-range"
_HEADER: Final = HEADER.encode()
_KEPT: Final = 40_000  # ends of lines, all requests together; about 400 bytes each


@dataclass(slots=True)
class _Again:
    """What the lines of all answers have in common that were recognised as one and the same.

    Attributes:
        grounds: Those of these answers.
        stated: The headers that the judge looks at, as JSON and with a comma after each; the stamp is none of them.
        end: All that comes after the headers.
        unstamped: The headers and the end of those that have no stamp.
    """

    grounds: Grounds
    stated: bytes
    end: bytes
    unstamped: bytes


class Lines:
    """Encodes exchanges; what a line refers to, it has the book of truths write first.

    A line begins with what differs from exchange to exchange. The rest is the same for each answer that was recognised
    as one seen before: it is kept for the first requests and identities that come.

    Args:
        scenario: What is run.
        population: Its identities.
        expectations: What it expects of them.
        book: Keeps truths and bodies.
    """

    def __init__(
        self,
        scenario: Scenario,
        population: Sequence[Identity],
        expectations: Expectations,
        book: TruthBook,
    ) -> None:
        self._scenario = scenario
        self._beginnings = [_beginning(phase.name) for phase in scenario.load]
        self._vars = [tuple(request.vars) for request in scenario.requests]
        self._population = population
        self._expectations = expectations
        self._book = book
        self._again: list[dict[int, _Again]] = [{} for _ in scenario.requests]
        self._room = _KEPT // len(scenario.requests)

    def encode(self, judged: Sequence[Judged]) -> bytes:
        """Return the lines of exchanges, each with its newline."""
        beginnings, drawn, rest = self._beginnings, self._vars, self._rest
        parts: list[bytes] = []
        for exchange, verdict, grounds in judged:
            draw, sent, done = exchange.draw, exchange.sent, exchange.done
            latency, service, names = done - exchange.intended, done - sent, drawn[draw.request]
            # What is long is put after what is formatted, and not into it: formatted with it, it takes twice as long.
            parts += (
                beginnings[exchange.phase] % (draw.seq, sent, latency * 1e3, service * 1e3),
                _json(dict(zip(names, draw.values, strict=False))) if names else b"{}",
                rest(exchange, verdict, grounds),
            )
        return b"".join(parts)

    def _rest(self, exchange: Exchange, verdict: Verdict, grounds: Grounds) -> bytes:
        """Return all of a line from its headers on."""
        draw, answer = exchange.draw, exchange.answer
        if verdict is not OK or not grounds.answer or answer is None:
            stated = b"" if answer is None else self._stated(exchange, answer, verdict)
            return self._judged(exchange, answer, stated) + self._end(exchange, verdict, grounds)
        again = self._again[draw.request].get(draw.identity)
        if again is None or again.grounds is not grounds:
            again = self._keep(exchange, answer, grounds)
        if HEADER in answer.headers:
            return self._judged(exchange, answer, again.stated) + again.end
        return again.unstamped

    def _keep(self, exchange: Exchange, answer: Answer, grounds: Grounds) -> _Again:
        """Return what lines like this one have in common, kept as long as there is room."""
        draw = exchange.draw
        kept = self._again[draw.request]
        stated, end = self._stated(exchange, answer, OK), self._end(exchange, OK, grounds)
        again = _Again(grounds, stated, end, _headers(stated) + end)
        if draw.identity in kept or len(kept) < self._room:
            kept[draw.identity] = again
        return again

    def _judged(self, exchange: Exchange, answer: Answer | None, stated: bytes) -> bytes:
        """Return the headers that the judge looks at, the stamp with the others."""
        stamp = None if answer is None else answer.headers.get(HEADER)
        if stamp is not None:
            self._book.identity(exchange.draw.identity)
            return b',"headers":{%b"%b":%b}' % (stated, _HEADER, _json(stamp))
        return _headers(stated)

    def _stated(self, exchange: Exchange, answer: Answer, verdict: Verdict) -> bytes:
        """Return the headers that the judge looks at but for the stamp."""
        headers = answer.headers
        judged = [_CONTENT_RANGE, *(name for name, _ in self._expectation(exchange).headers)]
        if verdict.ruling is not Ruling.OK:
            judged.append("content-type")
        told = {name: headers[name] for name in judged if name in headers and name != HEADER}
        return b"".join([b"%b:%b," % (_json(name), _json(value)) for name, value in told.items()])

    def _end(self, exchange: Exchange, verdict: Verdict, grounds: Grounds) -> bytes:
        """Return all of a line but its beginning, from the comma on."""
        draw, answer = exchange.draw, exchange.answer
        asked = {
            "request": self._scenario.requests[draw.request].name,
            "identity": self._population[draw.identity].label,
        }
        if answer is None:
            came = {"lost": exchange.lost, "bytes": None, "answer": None}
        else:
            came = self._answered(exchange, answer, verdict, grounds)
        rests_on = self._grounds(exchange, grounds, violated=verdict.ruling is Ruling.VIOLATION)
        return b"," + encoded({**asked, **came, **self._ruled(verdict), **rests_on})[1:]

    def _answered(self, exchange: Exchange, answer: Answer, verdict: Verdict, grounds: Grounds) -> dict[str, Any]:
        digest, ok = grounds.answer or answer.digest, verdict.ruling is Ruling.OK
        line: dict[str, Any] = {"status": answer.status, "bytes": len(answer.body), "answer": digest.hex()}
        if not ok:
            line["body"] = answer.body[:_BODY_BYTES].decode("utf-8", "replace")
        if self._needs_body(exchange, grounds, digest) if ok else len(answer.body) > _BODY_BYTES:
            self._book.body(digest, answer.body)
        return line

    def _needs_body(self, exchange: Exchange, grounds: Grounds, digest: bytes) -> bool:
        """Whether the judge needs more of a right answer than its digest."""
        expectation = self._expectation(exchange)
        if expectation.json or expectation.error is not None:
            return True
        if expectation.expects_rows:
            return grounds.before is None or grounds.before.text != digest
        return expectation.needs_truth

    def _expectation(self, exchange: Exchange) -> Expectation:
        draw = exchange.draw
        return self._expectations.of(draw.request, self._population[draw.identity].mix)

    def _ruled(self, verdict: Verdict) -> dict[str, Any]:
        line = {
            "verdict": verdict.ruling,
            "symptom": verdict.symptom,
            "reason": verdict.reason,
            "source": self._label(verdict.source),
        }
        if verdict.fault:
            line["fault"] = verdict.fault
        if verdict.code:
            line["code"] = verdict.code
        if verdict.cause is not Cause.UNDETERMINED:
            line["cause"] = verdict.cause
        return line

    def _grounds(self, exchange: Exchange, grounds: Grounds, *, violated: bool) -> dict[str, Any]:
        line: dict[str, Any] = {}
        if grounds.before is not None:
            line["truth"] = self._book.truth(grounds.before)
        if grounds.after is not None:
            line["after"] = self._book.truth(grounds.after.truth)
            line["owners"] = self._owners(exchange, grounds)
            if violated:
                self._book.rows(line["after"], grounds.after.rows)
        return line

    def _owners(self, exchange: Exchange, grounds: Grounds) -> dict[str, Any]:
        """Return whose the rows of one answer are; those of the identity that asked are left out."""
        owners, asker = grounds.owners, exchange.draw.identity
        whose = {digest: owners.of_row(digest) for digest in grounds.digests}
        return {
            "rows": {row.hex(): self._label(owner) for row, owner in whose.items() if owner not in {None, asker}},
            "whole": self._label(owners.of_whole(grounds.digests)),
            "moving": owners.moving,
            "transferred": owners.transferred,
        }

    def _label(self, identity: int | None) -> str | None:
        return None if identity is None else self._population[identity].label


def _beginning(phase: str) -> bytes:
    """Return what the lines of a phase begin with, to be filled in with number, sending, latency and service time."""
    name = _json(phase).replace(b"%", b"%%")
    return b'{"seq":%%d,"phase":%b,"t":%%.6f,"latency_ms":%%.3f,"service_ms":%%.3f,"vars":' % name


def _headers(stated: bytes) -> bytes:
    return b',"headers":{%b}' % stated[:-1] if stated else b""


def _json(value: object) -> bytes:
    return encoded(value)[:-1]
