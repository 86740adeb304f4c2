"""Judging again: from what a run stored of an exchange to its verdict, by the same judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from loadcheck.engine.events import Answer, Draw, Exchange, Lost
from loadcheck.errors import UsageProblem
from loadcheck.identity.population import Population, populate, variables
from loadcheck.judge.excuse import excused
from loadcheck.judge.judge import Dispute, judge, unknown
from loadcheck.judge.owners import Owners
from loadcheck.judge.settle import settle
from loadcheck.judge.stamp import in_context, stamp_of
from loadcheck.judge.transactions import Transactions
from loadcheck.judge.verdict import Cause, Ruling, Symptom, Verdict
from loadcheck.oracle.caller import Caller
from loadcheck.oracle.expectation import REFUSAL, Expectations
from loadcheck.oracle.marks import Mark, Marks
from loadcheck.oracle.truth import Reading, Truth
from loadcheck.record.coverage import Coverage, Use
from loadcheck.record.stored_truths import NotKept, StoredAnswer, StoredTruths
from loadcheck.record.truth_book import asked
from loadcheck.run.judging.context import Context
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.fault import FaultKind
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.names import MARK

_UNAUTHORIZED: Final = 401
_OLD_TOKENS: Final = frozenset({FaultKind.EXPIRE_TOKENS, FaultKind.ROTATE_JWT_SECRET})
_ALTERED: Final = "what is stored of the answer is neither what was expected nor the answer as it came"


@dataclass(frozen=True, slots=True)
class Rejudged:
    """An exchange with the verdict that the run gave it, and the one it gets now."""

    exchange: Exchange
    before: Verdict
    now: Verdict


class Rejudging:
    """Judges the lines of a history, in their order.

    Args:
        scenario: What was run, as its folder has it.
        stored: What its verdicts rest on.

    Attributes:
        population: The identities of the run.
        context: What its stamps must show.
        coverage: Which backends and handoffs its stamps show; what answers can tell apart is not known offline.
        taken: How many verdicts stand by the run's own word: their answers were too long to keep, held a token, or
            were held against what the run had written; an audit found them; or exchanges before them were not kept.
    """

    def __init__(self, scenario: Scenario, stored: StoredTruths) -> None:
        self._scenario = scenario
        self._stored = stored
        mixes = {index: stored.identities[mix.name] for index, mix in enumerate(scenario.identities) if mix.from_}
        self.population: Population = populate(scenario, mixes)
        caller, straight = Caller(scenario.stack.postgrest), stored.run.get("straight", False)
        self.context = Context(self.population, caller, stored.run["nonce"], straight=straight)
        self.coverage = Coverage([False] * len(scenario.requests), len(scenario.load), lambda *_: False)
        self.taken = 0
        self._expectations = Expectations(scenario)
        self._marks = Marks(stored.run["nonce"])
        self._transactions = Transactions()
        self._requests = {request.name: index for index, request in enumerate(scenario.requests)}
        self._faults = {fault.label: fault for fault in scenario.faults}
        self._phases = {phase.name: index for index, phase in enumerate(scenario.load)}
        self._identities = {identity.label: identity.index for identity in self.population}
        self.context.digests = [stored.digests.get(identity.label, "") for identity in self.population]

    def mark(self, draw: Draw) -> str:
        """Return what the rows that a draw wrote carry."""
        return self._marks.text(Mark(draw.request, draw.identity, draw.seq))

    def judge(self, line: Mapping[str, Any]) -> Rejudged:
        """Judge the exchange of one line again.

        Raises:
            UsageProblem: it is not one of this scenario's.
        """
        try:
            exchange, before = self._exchange(line), self._verdict(line)
            known = self._expectations.get(exchange.draw.request, self.population[exchange.draw.identity].mix)
        except KeyError as error:
            raise _foreign(line, error) from None
        if known is None:
            raise _foreign(line, KeyError(line["request"]))
        now = self._again(exchange, line, before)
        if now.ruling is Ruling.OK is not before.ruling and self._followed(exchange.draw):
            self.taken += 1
            now = before
        self._cover(exchange, now)
        # What the run left unknown it had reasons to that no line holds: a clock that jumped, a fault, no time left.
        return Rejudged(exchange, before, before if before.ruling is now.ruling is Ruling.UNKNOWN else now)

    def audited(self, line: Mapping[str, Any]) -> Rejudged:
        """Take what an audit has found by the run's word: it looked into the database, and no exchange shows it.

        Raises:
            UsageProblem: it is not of this scenario.
        """
        try:
            verdict = self._verdict(line)
            self.taken += 1
            return Rejudged(self._exchange(line), verdict, verdict)
        except KeyError as error:
            raise _foreign(line, error) from None

    def _cover(self, exchange: Exchange, verdict: Verdict) -> None:
        stamp = None if exchange.answer is None else stamp_of(exchange.answer)
        if stamp is not None:
            draw = exchange.draw
            mix, ok = self.population[draw.identity].mix, verdict.ruling is Ruling.OK
            self.coverage.add(stamp.pid, Use(stamp.at, draw, mix, exchange.phase, ok))

    def _again(self, exchange: Exchange, line: Mapping[str, Any], before: Verdict) -> Verdict:
        try:
            verdict = self._stamped(exchange, self._judged(exchange, line, before), before)
        except NotKept as missing:
            if self._wrong_status(exchange):
                return self._again(_without_body(exchange), line, before)
            self.taken += missing.on_purpose
            return before if missing.on_purpose else unknown(_ALTERED)
        if before.ruling is Ruling.UNKNOWN and verdict.ruling is Ruling.VIOLATION:
            return before
        return excused(exchange, verdict, self._faults[line["fault"]]) if line.get("fault") else verdict

    def _followed(self, draw: Draw) -> bool:
        """Whether an answer was also held against what the run had written by then, which no line holds."""
        expectation = self._expectations.of(draw.request, self.population[draw.identity].mix)
        return expectation.written is not None or self._scenario.requests[draw.request].writes is not None

    def _wrong_status(self, exchange: Exchange) -> bool:
        """Whether the status alone makes the answer wrong, whatever its body was."""
        draw, answer = exchange.draw, exchange.answer
        expectation = self._expectations.of(draw.request, self.population[draw.identity].mix)
        return isinstance(answer, StoredAnswer) and answer.status not in expectation.statuses

    def _judged(self, exchange: Exchange, line: Mapping[str, Any], before: Verdict) -> Verdict:
        if self._to_be_refused(line, before):
            verdict = judge(exchange, REFUSAL, TokenKind.EXPIRED, None, {})
            return before if isinstance(verdict, Dispute) else verdict
        draw = exchange.draw
        identity = self.population[draw.identity]
        expectation = self._expectations.of(draw.request, identity.mix)
        truth = self._truth(line.get("truth"))
        names = line["request"], self._scenario.identities[identity.mix].name
        if expectation.needs_truth and self._stored.asked.get(names) != asked(expectation):
            return unknown(f"request {names[0]!r} expects something else now than what was read during the run")
        if "truth" in line and truth is None:
            return unknown("its truth is not among those stored")
        verdict = judge(exchange, expectation, identity.token, truth, self._variables(draw))
        return self._settled(verdict, line, before) if isinstance(verdict, Dispute) else verdict

    def _to_be_refused(self, line: Mapping[str, Any], before: Verdict) -> bool:
        """Whether a fault had the exchange sent with a token that must be refused: a refusal was right, or lacking."""
        fault = self._faults.get(line.get("fault", ""))
        refused = before.ruling is Ruling.OK and line.get("status") == _UNAUTHORIZED
        return fault is not None and fault.do in _OLD_TOKENS and (refused or before.symptom is Symptom.ACCEPTED_TOKEN)

    def _settled(self, dispute: Dispute, line: Mapping[str, Any], before: Verdict) -> Verdict:
        after = self._truth(line.get("after"))
        if after is None:
            return unknown("the stored answer disagrees with its truth, which was not read again")
        rows = self._stored.rows(line["after"])
        if rows is None and before.ruling is Ruling.VIOLATION and after.rows:
            raise NotKept(on_purpose=True)
        reading = Reading(after, rows or ("null",) * after.row_count)
        return settle(dispute, reading, self._owners(line["owners"], dispute.digests))

    def _owners(self, stored: Mapping[str, Any], digests: Sequence[bytes]) -> Owners:
        whose = {bytes.fromhex(row): self._identities[label] for row, label in stored["rows"].items()}
        whole = stored["whole"]
        owners = Owners.of_answer(whose, digests, None if whole is None else self._identities[whole])
        owners.moving, owners.transferred = stored["moving"], stored["transferred"]
        return owners

    def _stamped(self, exchange: Exchange, verdict: Verdict, before: Verdict) -> Verdict:
        stamp = None if exchange.answer is None else stamp_of(exchange.answer)
        if stamp is None:
            return verdict
        earlier = self._transactions.earlier(stamp, exchange.draw)
        if not self.context.digests[exchange.draw.identity]:
            return verdict
        now = in_context(verdict, stamp, self.context.asked(exchange.draw), earlier)
        if self._stored.share < 1 and before.ruling is Ruling.VIOLATION and now.cause is Cause.UNDETERMINED:
            return self._by_a_line_left_out(now, before)
        return now

    def _by_a_line_left_out(self, now: Verdict, before: Verdict) -> Verdict:
        """Believe the run that an earlier answer had shown the same transaction, where earlier ones were not kept."""
        if before.cause is Cause.UNDETERMINED:
            return now
        self.taken += 1
        return before if now.ruling is Ruling.OK else replace(now, cause=before.cause, source=before.source)

    def _truth(self, number: int | None) -> Truth | None:
        return None if number is None else self._stored.truth(number)

    def _variables(self, draw: Draw) -> dict[str, Any]:
        request = self._scenario.requests[draw.request]
        drawn: dict[str, Any] = dict(zip(request.vars, draw.values, strict=True))
        marked = {} if request.writes is None else {MARK: self.mark(draw)}
        return variables(self.population[draw.identity], drawn | marked)

    def _exchange(self, line: Mapping[str, Any]) -> Exchange:
        request = self._requests[line["request"]]
        values = tuple(line["vars"][name] for name in self._scenario.requests[request].vars)
        draw = Draw(line["seq"], request, self._identities[line["identity"]], values)
        sent, done = line["t"], line["t"] + line["service_ms"] / 1000
        answer = None if "lost" in line else StoredAnswer(line, self._stored.text(line["answer"]))
        lost = Lost(line["lost"]) if line.get("lost") else None
        return Exchange(draw, self._phases[line["phase"]], done - line["latency_ms"] / 1000, sent, done, answer, lost)

    def _verdict(self, line: Mapping[str, Any]) -> Verdict:
        return Verdict(
            Ruling(line["verdict"]),
            None if line["symptom"] is None else Symptom(line["symptom"]),
            line["reason"],
            None if line["source"] is None else self._identities[line["source"]],
            cause=Cause(line.get("cause", Cause.UNDETERMINED)),
            code=line.get("code", ""),
            fault=line.get("fault", ""),
        )


def _without_body(exchange: Exchange) -> Exchange:
    answer = exchange.answer
    return replace(exchange, answer=None if answer is None else Answer(answer.status, answer.headers, b""))


def _foreign(line: Mapping[str, Any], error: KeyError) -> UsageProblem:
    return UsageProblem(
        f"exchange {line.get('seq')} of the history is not one of scenario.yaml's: {error}",
        "Both must be of the same run: requests, identities and phases keep their names.",
    )
