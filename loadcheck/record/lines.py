"""The lines of a history: one exchange each, with its verdict and what that rests on."""

from collections.abc import Sequence
from typing import Any, Final

from loadcheck.engine.events import Answer, Exchange
from loadcheck.identity.population import Identity
from loadcheck.judge.grounds import Grounds
from loadcheck.judge.verdict import Cause, Ruling, Verdict
from loadcheck.oracle.expectation import Expectation, Expectations
from loadcheck.oracle.stamp import HEADER
from loadcheck.record.truth_book import TruthBook, encoded
from loadcheck.scenario.model import Scenario

_BODY_BYTES: Final = 4096
_JUDGED_HEADERS: Final = ("content-range", HEADER)


class Lines:
    """Encodes exchanges; what a line refers to, it has the book of truths write first.

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
        self._population = population
        self._expectations = expectations
        self._book = book

    def encode(self, exchange: Exchange, verdict: Verdict, grounds: Grounds) -> bytes:
        """Return the line of an exchange, with its newline."""
        answer = exchange.answer
        if answer is None:
            came = {"lost": exchange.lost, "bytes": None, "answer": None}
        else:
            came = self._answered(exchange, answer, verdict, grounds)
        rests_on = self._grounds(exchange, grounds, violated=verdict.ruling is Ruling.VIOLATION)
        return encoded({**self._inputs(exchange), **came, **self._ruled(verdict), **rests_on})

    def _inputs(self, exchange: Exchange) -> dict[str, Any]:
        draw = exchange.draw
        request = self._scenario.requests[draw.request]
        return {
            "seq": draw.seq,
            "phase": self._scenario.load[exchange.phase].name,
            "t": round(exchange.sent, 6),
            "latency_ms": round(exchange.latency * 1000, 3),
            "service_ms": round(exchange.service * 1000, 3),
            "request": request.name,
            "identity": self._population[draw.identity].label,
            "vars": dict(zip(request.vars, draw.values, strict=False)),
        }

    def _answered(self, exchange: Exchange, answer: Answer, verdict: Verdict, grounds: Grounds) -> dict[str, Any]:
        digest, ok = answer.digest, verdict.ruling is Ruling.OK
        line: dict[str, Any] = {"status": answer.status, "bytes": len(answer.body), "answer": digest.hex()}
        if headers := self._headers(exchange, answer, verdict):
            line["headers"] = headers
        if not ok:
            line["body"] = answer.body[:_BODY_BYTES].decode("utf-8", "replace")
        if self._needs_body(exchange, grounds, digest) if ok else len(answer.body) > _BODY_BYTES:
            self._book.body(digest, answer.body)
        if HEADER in answer.headers:
            self._book.identity(exchange.draw.identity)
        return line

    def _headers(self, exchange: Exchange, answer: Answer, verdict: Verdict) -> dict[str, str]:
        """Return the headers that the judge looks at."""
        judged = [*_JUDGED_HEADERS, *(name for name, _ in self._expectation(exchange).headers)]
        if verdict.ruling is not Ruling.OK:
            judged.append("content-type")
        return {name: answer.headers[name] for name in judged if name in answer.headers}

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
