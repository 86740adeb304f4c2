"""What a fault excuses: under it a refusal says nothing, and a wrong row is wrong all the same."""

from dataclasses import replace
from typing import Final

from loadcheck.engine.events import Exchange
from loadcheck.judge.errors import LOST_SETTINGS
from loadcheck.judge.judge import unknown
from loadcheck.judge.verdict import Symptom, Verdict
from loadcheck.scenario.fault import Fault, FaultKind

_ERRORS: Final = range(400, 600)
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
    """Whether it is a server's error, or a refusal left open; one that tells of lost settings is always evidence."""
    answer = exchange.answer
    if answer is None or verdict.code in LOST_SETTINGS:
        return False
    if verdict.disputed:
        return answer.status in _ERRORS
    return verdict.symptom is Symptom.WRONG_STATUS and answer.status in _SERVER_ERRORS
