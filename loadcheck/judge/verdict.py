"""Verdicts: what the judge says of one exchange."""

from dataclasses import dataclass
from enum import StrEnum


class Ruling(StrEnum):
    """The verdict of an exchange."""

    OK = "ok"
    VIOLATION = "violation"
    UNKNOWN = "unknown"


class Symptom(StrEnum):
    """What a wrong answer looks like."""

    SWAPPED = "swapped"
    FOREIGN_ROWS = "foreign-rows"
    MISSING_ROWS = "missing-rows"
    ALTERED_ROWS = "altered-rows"
    WRONG_ORDER = "wrong-order"
    WRONG_STATUS = "wrong-status"
    WRONG_HEADERS = "wrong-headers"
    ACCEPTED_TOKEN = "accepted-token"  # noqa: S105 -- a symptom's name
    REFUSED_TOKEN = "refused-token"  # noqa: S105 -- a symptom's name
    WRONG_CONTEXT = "wrong-context"
    WRONG_EXCHANGE = "wrong-exchange"
    CROSS_WRITE = "cross-write"
    LOST_WRITE = "lost-write"
    MALFORMED = "malformed"


class Cause(StrEnum):
    """Why an answer is wrong, as diagnosed."""

    SESSION_STATE = "session-state"
    PLAN_CACHE = "plan-cache"
    TRANSACTION_FRAMING = "transaction-framing"
    POLICY = "policy"
    GATEWAY = "gateway"
    TOKEN = "token"  # noqa: S105 -- a cause's name
    DRIFT = "drift"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows a violation, cut to a handful of rows a list.

    Attributes:
        expected: Expected rows, as JSON text.
        received: Received rows, as JSON text.
        wrong: Those of the received rows that should not be there.
        missing: Those of the expected rows that are not there.
        expected_count: How many rows were expected in all.
        received_count: How many rows were received in all.
    """

    expected: tuple[str, ...] = ()
    received: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    expected_count: int = 0
    received_count: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge says of one exchange.

    Attributes:
        ruling: ok, violation or unknown.
        symptom: What the wrong answer looks like; None unless it is a violation.
        reason: One sentence for the user; empty when ok.
        source: Index of the identity whose rows were received; None when nobody's or unknown.
        evidence: What shows it.
        cause: Why, as far as the answer and its stamp tell.
        code: PostgREST's or PostgreSQL's error code in the answer, if it carries one.
        fault: The fault under which the exchange was made; empty when there was none.
        disputed: Whether it is unknown although the answer was not what was expected: a leak may hide behind it.
    """

    ruling: Ruling
    symptom: Symptom | None = None
    reason: str = ""
    source: int | None = None
    evidence: Evidence = Evidence()
    cause: Cause = Cause.UNDETERMINED
    code: str = ""
    fault: str = ""
    disputed: bool = False


OK = Verdict(Ruling.OK)
