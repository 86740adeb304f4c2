"""What a fault excuses: under it a refusal says nothing, and a wrong row is wrong all the same."""

from dataclasses import replace
from typing import Final

from loadcheck.engine.events import Answer, Exchange
from loadcheck.judge.errors import LOST_SETTINGS
from loadcheck.judge.judge import unknown
from loadcheck.judge.verdict import Symptom, Verdict
from loadcheck.oracle.rows import parse
from loadcheck.scenario.fault import Fault, FaultKind

_SERVER_ERRORS: Final = range(500, 600)


def excused(exchange: Exchange, verdict: Verdict, fault: Fault) -> Verdict:
    """Return the verdict on an exchange during which a fault was on.

    Args:
        exchange: What was sent and received.
        verdict: What it would be without the fault.
        fault: The fault.

    Returns:
        The same, with the fault named. Where the target only refused to answer: `unknown`.
    """
    rotated = fault.do is FaultKind.ROTATE_JWT_SECRET and verdict.symptom is Symptom.REFUSED_TOKEN
    if rotated or _refused(exchange, verdict):
        verdict = unknown(f"refused under the fault {fault.label}: {verdict.reason}", verdict.code)
    return replace(verdict, fault=verdict.fault or fault.label)


def _refused(exchange: Exchange, verdict: Verdict) -> bool:
    """Whether it is a server's error; one that tells of lost settings is evidence whatever goes on."""
    answer = exchange.answer
    if verdict.symptom is not Symptom.WRONG_STATUS or answer is None or verdict.code in LOST_SETTINGS:
        return False
    return answer.status in _SERVER_ERRORS or _speechless(answer)


def _speechless(answer: Answer) -> bool:
    """Whether PostgREST tells of an error of which PostgreSQL told it nothing: the connection broke (12.0.2: a 400)."""
    try:
        body = parse(answer.body)
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("code") == "" == body.get("message")
