"""The judge: from an exchange and the truth to a verdict, with no I/O.

Rows are judged in two steps, because data may change while a run goes on. An answer that disagrees with the truth read
before it was sent is a `Dispute`; it is settled with a second reading, made after the answer came. Only what was wrong
before *and* after is a violation.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from loadcheck.engine.events import Answer, Exchange, Lost
from loadcheck.judge.errors import code_of, is_framing, is_outage
from loadcheck.judge.order import same_order
from loadcheck.judge.ranges import content_range
from loadcheck.judge.verdict import OK, Cause, Evidence, Ruling, Symptom, Verdict
from loadcheck.oracle.expectation import Expectation
from loadcheck.oracle.rows import as_rows, parse, row_digest, split
from loadcheck.oracle.truth import Truth
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.placeholders import fill_value

_EXCERPT: Final = 200
_SUCCESS: Final = range(200, 300)
_REFUSALS: Final = frozenset({401, 403})
_UNAUTHORIZED: Final = 401
# What PostgREST answers to some outages and to lost settings alike, so that the code in the body alone tells which:
# 400 where its connection broke, and to 22P02; 500 where PostgreSQL crashed or starts up, and to 25P02.
# https://docs.postgrest.org/en/v12/references/errors.html#http-status-codes
_EITHER: Final = frozenset({400, 500})


@dataclass(frozen=True, slots=True)
class Dispute:
    """An answer whose rows or count disagree with the truth read before it was sent.

    Attributes:
        before: That truth; None when it was not at hand.
        digests: Digests of the rows received, in order.
        total: The count received; None when rows alone are compared.
    """

    exchange: Exchange
    expectation: Expectation
    before: Truth | None
    digests: tuple[bytes, ...]
    total: int | None

    @property
    def rows(self) -> list[Any]:
        """The rows received, as `parse` returns them; not kept, for many disputes may wait at once."""
        answer = self.exchange.answer
        return as_rows(parse(answer.body)) if answer is not None and self.digests else []

    def agrees_with(self, truth: Truth) -> bool:
        """Whether the answer is the right one by this truth."""
        return self._same_rows(truth) and (truth.total is None or truth.total == self.total)

    def in_order(self, truth: Truth) -> bool | None:
        """Whether the rows, which are those of this truth, come in its order; None where they do not show it."""
        of_digest = dict(zip(self.digests, self.rows, strict=True))
        return same_order(self.rows, [of_digest[digest] for digest in split(truth.rows)], self.expectation.order)

    def _same_rows(self, truth: Truth) -> bool:
        if not self.expectation.expects_rows or b"".join(self.digests) == truth.rows:
            return True
        if sorted(self.digests) != sorted(split(truth.rows)):
            return False
        return self.in_order(truth) is True


def judge(
    exchange: Exchange,
    expectation: Expectation,
    token: TokenKind,
    truth: Truth | None,
    variables: Mapping[str, Any],
) -> Verdict | Dispute:
    """Judge one exchange.

    Args:
        exchange: What was sent and what came of it.
        expectation: What the scenario expects.
        token: What kind of token the identity has.
        truth: The truth read before it was sent; None when the expectation needs none, or when it is gone.
        variables: Claims and variables by name, for expected headers and JSON.
    """
    answer = exchange.answer
    if answer is None:
        return _lost(exchange.lost)
    return (
        _wrong_status(answer, expectation, token)
        or _wrong_error(answer, expectation)
        or _wrong_headers(answer, expectation, variables)
        or _wrong_json(answer, expectation, variables)
        or _wrong_content(exchange, answer, expectation, truth)
        or OK
    )


def violation(symptom: Symptom, reason: str, **more: Any) -> Verdict:
    """Make the verdict of a violation."""
    return Verdict(Ruling.VIOLATION, symptom, reason, **more)


def unknown(reason: str, code: str = "") -> Verdict:
    """Make the verdict of an exchange that shows nothing either way."""
    return Verdict(Ruling.UNKNOWN, reason=reason, code=code)


def unsettled(reason: str) -> Verdict:
    """Make the verdict of an exchange whose answer was not what was expected, and may have been right all the same."""
    return Verdict(Ruling.UNKNOWN, reason=reason, disputed=True)


def _lost(lost: Lost | None) -> Verdict:
    if lost is Lost.PROTOCOL:
        return violation(Symptom.MALFORMED, "the answer is not HTTP")
    return unknown(str(lost))


def _wrong_status(answer: Answer, expectation: Expectation, token: TokenKind) -> Verdict | None:
    status = answer.status
    if status in expectation.statuses:
        return None
    code = code_of(answer)
    must_be_refused = token is not TokenKind.VALID or expectation.of_identity
    if must_be_refused and status in _SUCCESS and expectation.statuses <= _REFUSALS:
        return violation(
            Symptom.ACCEPTED_TOKEN, f"answered {status} to a token that must be refused", cause=Cause.TOKEN
        )
    if status == _UNAUTHORIZED and token is TokenKind.VALID:
        return violation(
            Symptom.REFUSED_TOKEN, f"a valid token was refused{_named(code)}", cause=Cause.TOKEN, code=code
        )
    if is_outage(answer):
        return _away(status, code)
    if expectation.bodiless and status in _EITHER:
        return unsettled(f"{status} to a HEAD, which is not told the error's code: the target may have been away")
    expected = " or ".join(map(str, sorted(expectation.statuses)[:3]))
    reason = f"status {status}{_named(code)}, expected {expected}"
    cause = Cause.TRANSACTION_FRAMING if is_framing(answer, code) else Cause.UNDETERMINED
    return violation(Symptom.WRONG_STATUS, reason, cause=cause, code=code, evidence=_excerpt(answer))


def _away(status: int, code: str) -> Verdict:
    return unknown(f"{status}{_named(code)}: the target was not available", code)


def _wrong_error(answer: Answer, expectation: Expectation) -> Verdict | None:
    if expectation.error is None or (code := code_of(answer)) == expectation.error:
        return None
    if is_outage(answer):
        return _away(answer.status, code)
    reason = f"error code {code or 'missing'}, expected {expectation.error}"
    return violation(Symptom.WRONG_STATUS, reason, code=code, evidence=_excerpt(answer))


def _wrong_headers(answer: Answer, expectation: Expectation, variables: Mapping[str, Any]) -> Verdict | None:
    for name, template in expectation.headers:
        received = answer.headers.get(name)
        expected = None if template is None else template.fill(variables)
        if received != expected:
            reason = f"header {name} is {_quoted(received)}, expected {_quoted(expected)}"
            return violation(Symptom.WRONG_HEADERS, reason)
    return None


def _wrong_json(answer: Answer, expectation: Expectation, variables: Mapping[str, Any]) -> Verdict | None:
    if not expectation.json:
        return None
    try:
        received = parse(answer.body)
    except ValueError:
        return _not_json(answer)
    expected = fill_value(expectation.json[0], variables)
    if row_digest(received) == row_digest(_exact(expected)):
        return None
    return violation(Symptom.ALTERED_ROWS, "the body is not the JSON expected", evidence=_excerpt(answer))


def _wrong_content(
    exchange: Exchange, answer: Answer, expectation: Expectation, truth: Truth | None
) -> Verdict | Dispute | None:
    if not expectation.needs_truth:
        return None
    if not expectation.expects_rows:
        return _wrong_count(exchange, answer, expectation, truth)
    if truth is not None and answer.digest == truth.text and truth.total in {None, _total(answer, truth.row_count)}:
        return _wrong_range(answer, expectation, truth.row_count)
    try:
        rows = tuple(as_rows(parse(answer.body)))
    except ValueError:
        return _not_json(answer)
    dispute = Dispute(exchange, expectation, truth, tuple(map(row_digest, rows)), _total(answer, len(rows)))
    if truth is None or not dispute.agrees_with(truth):
        return dispute
    return _wrong_range(answer, expectation, len(rows))


def _wrong_count(
    exchange: Exchange, answer: Answer, expectation: Expectation, truth: Truth | None
) -> Verdict | Dispute | None:
    try:
        total = _total(answer, len(as_rows(parse(answer.body))) if answer.body else None)
    except ValueError:
        return _not_json(answer)
    if total is None:
        reason = "the answer has no count: send Prefer: count=exact"
        return violation(Symptom.WRONG_HEADERS, reason)
    if truth is not None and truth.total == total:
        return None
    return Dispute(exchange, expectation, truth, (), total)


def _wrong_range(answer: Answer, expectation: Expectation, rows: int) -> Verdict | None:
    """Hold the answer's Content-Range against its own rows."""
    stated = content_range(answer.headers.get("content-range", ""))
    if stated is None or not expectation.whole:
        return None
    if stated.length == rows and (stated.total in {None, rows} or not expectation.counted):
        return None
    reason = f"Content-Range {_quoted(answer.headers['content-range'])} of an answer with {rows} rows"
    return violation(Symptom.WRONG_HEADERS, reason)


def _total(answer: Answer, rows: int | None) -> int | None:
    stated = content_range(answer.headers.get("content-range", ""))
    return rows if stated is None or stated.total is None else stated.total


def _exact(value: Any) -> Any:
    """Bring a scenario's own JSON into the form in which answers are compared."""
    return parse(json.dumps(value))


def _not_json(answer: Answer) -> Verdict:
    kind = answer.headers.get("content-type", "no content type")
    return violation(Symptom.MALFORMED, f"the answer is not JSON ({kind})", evidence=_excerpt(answer))


def _excerpt(answer: Answer) -> Evidence:
    return Evidence(received=(answer.body[:_EXCERPT].decode(errors="replace"),))


def _named(code: str) -> str:
    return f" ({code})" if code else ""


def _quoted(value: str | None) -> str:
    return "absent" if value is None else f"'{value}'"
