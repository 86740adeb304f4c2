"""What a fault excuses: under it a refusal says nothing, and a wrong row is wrong all the same."""

from dataclasses import replace
from typing import Final

from loadcheck.engine.events import Exchange
from loadcheck.judge.errors import LOST_SETTINGS
from loadcheck.judge.judge import unknown
from loadcheck.judge.verdict import Ruling, Symptom, Verdict

_SERVER_ERRORS: Final = range(500, 600)


def excused(exchange: Exchange, verdict: Verdict, fault: str) -> Verdict:
    """Return the verdict on an exchange during which a fault was on.

    Args:
        exchange: What was sent and received.
        verdict: What it would be without the fault.
        fault: What people call the fault.

    Returns:
        The same, with the fault named. Where the target only refused to answer: `unknown`.
    """
    if verdict.ruling is Ruling.VIOLATION and _refused(exchange, verdict):
        verdict = unknown(f"refused under the fault {fault}: {verdict.reason}", verdict.code)
    return replace(verdict, fault=fault)


def _refused(exchange: Exchange, verdict: Verdict) -> bool:
    """Whether it is a server's error; one that tells of lost settings is evidence whatever goes on."""
    answer = exchange.answer
    return (
        verdict.symptom is Symptom.WRONG_STATUS
        and answer is not None
        and answer.status in _SERVER_ERRORS
        and verdict.code not in LOST_SETTINGS
    )
