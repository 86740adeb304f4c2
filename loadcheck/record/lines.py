"""The lines of a history: one exchange each, with its verdict and what that rests on."""

from collections.abc import Sequence
from typing import Any, Final

from loadcheck.engine.events import Answer, Exchange
from loadcheck.identity.population import Identity
from loadcheck.judge.grounds import Grounds
from loadcheck.judge.verdict import OK, Cause, Ruling, Verdict
from loadcheck.oracle.expectation import Expectation, Expectations
from loadcheck.oracle.stamp import HEADER
from loadcheck.record.truth_book import TruthBook, encoded
from loadcheck.scenario.model import Scenario

_BODY_BYTES: Final = 4096
_ALWAYS_JUDGED: Final = ("content-range", HEADER)
_KEPT: Final = 40_000  # ends of lines; about 400 bytes each


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
        self._phases = [phase.name for phase in scenario.load]
        self._population = population
        self._expectations = expectations
        self._book = book
        self._ends: dict[tuple[int, int], tuple[Grounds, bytes]] = {}

    def encode(self, exchange: Exchange, verdict: Verdict, grounds: Grounds) -> bytes:
        """Return the line of an exchange, with its newline."""
        own = encoded(self._own(exchange, verdict))
        end = self._end_again(exchange, verdict, grounds) if verdict is OK and grounds.answer else None
        return own[:-2] + (end or self._end(exchange, verdict, grounds))

    def _own(self, exchange: Exchange, verdict: Verdict) -> dict[str, Any]:
        draw, answer = exchange.draw, exchange.answer
        line: dict[str, Any] = {
            "seq": draw.seq,
            "phase": self._phases[exchange.phase],
            "t": _microseconds(exchange.sent) / 1e6,
            "latency_ms": _microseconds(exchange.latency) / 1e3,
            "service_ms": _microseconds(exchange.service) / 1e3,
            "vars": dict(zip(self._scenario.requests[draw.request].vars, draw.values, strict=False)),
        }
        if answer is not None and (headers := self._headers(exchange, answer, verdict)):
            line["headers"] = headers
            if HEADER in headers:
                self._book.identity(draw.identity)
        return line

    def _end_again(self, exchange: Exchange, verdict: Verdict, grounds: Grounds) -> bytes | None:
        """Return the end of the line of an answer that was recognised; None where there is no more room for such."""
        key = exchange.draw.request, exchange.draw.identity
        known = self._ends.get(key)
        if known is not None and known[0] is grounds:
            return known[1]
        if known is None and len(self._ends) >= _KEPT:
            return None
        end = self._end(exchange, verdict, grounds)
        self._ends[key] = grounds, end
        return end

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

    def _headers(self, exchange: Exchange, answer: Answer, verdict: Verdict) -> dict[str, str]:
        """Return the headers that the judge looks at."""
        headers = answer.headers
        judged = [name for name in _ALWAYS_JUDGED if name in headers]
        judged += [name for name, _ in self._expectation(exchange).headers if name in headers]
        if verdict.ruling is not Ruling.OK and "content-type" in headers:
            judged.append("content-type")
        return {name: headers[name] for name in judged}

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


def _microseconds(seconds: float) -> int:
    """Return the nearest whole number of them; `round` to so many digits takes ten times as long."""
    return int(seconds * 1e6 + 0.5)
