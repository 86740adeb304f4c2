"""The stamp on an answer, held against what was asked: was it made for this exchange, with this identity's settings?"""

import re
from dataclasses import dataclass, replace
from typing import Final

from loadcheck.engine.events import Answer, Draw
from loadcheck.judge.judge import violation
from loadcheck.judge.verdict import Cause, Ruling, Symptom, Verdict
from loadcheck.oracle.stamp import HEADER

_FORM: Final = re.compile(r"(\d{1,10}) (\d{1,18}) ([0-9a-f]{32}|-) (\S{1,100}) (.{1,100})")
_NONCE: Final = re.compile(r"([0-9a-f]{8})-(\d{1,9})-(\d{1,9})-(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a transaction said of itself.

    Attributes:
        pid: The backend.
        at: Transaction time, in microseconds since 1970.
        digest: Of the claims; `-` when there were none.
        nonce: Of the exchange; `-` when there was none.
        role: The role setting.
    """

    pid: int
    at: int
    digest: str
    nonce: str
    role: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the stamp must show.

    Attributes:
        nonce: The exchange's own.
        digest: The identity's claims digest.
        role: The role that its token asks for; None where the token names none.
    """

    nonce: str
    digest: str
    role: str | None


def nonce_of(run: str, draw: Draw) -> str:
    """Return the nonce of a draw's exchange.

    Args:
        run: Eight hexadecimal digits that tell this run from others.
        draw: What is sent.
    """
    return f"{run}-{draw.request}-{draw.identity}-{draw.seq}"


def stamp_of(answer: Answer) -> Stamp | None:
    """Return the stamp on an answer; None when it has none, as error answers do."""
    match = _FORM.fullmatch(answer.headers.get(HEADER, ""))
    if match is None:
        return None
    pid, at, digest, nonce, role = match.groups()
    return Stamp(int(pid), int(at), digest, nonce, role)


def in_context(verdict: Verdict, stamp: Stamp | None, asked: Asked) -> Verdict:
    """Return the verdict as it is with the stamp: a right answer may have been made for somebody else.

    An answer that was made for an earlier exchange of the same identity and request is a cache that does its work.
    """
    if stamp is None or verdict.ruling is Ruling.UNKNOWN:
        return verdict
    if stamp.nonce not in {asked.nonce, "-"}:
        return _elsewhere(verdict, stamp, asked)
    if stamp.nonce == asked.nonce and stamp.digest == asked.digest and asked.role in {None, stamp.role}:
        return verdict
    if verdict.ruling is Ruling.VIOLATION:
        return replace(verdict, cause=Cause.TRANSACTION_FRAMING)
    return violation(Symptom.WRONG_CONTEXT, _wrong_context(stamp, asked), cause=Cause.TRANSACTION_FRAMING)


def _elsewhere(verdict: Verdict, stamp: Stamp, asked: Asked) -> Verdict:
    theirs, mine = _NONCE.fullmatch(stamp.nonce), _NONCE.fullmatch(asked.nonce)
    if theirs is None or mine is None or theirs[1] != mine[1]:
        source = None
    elif theirs[3] == mine[3]:
        if theirs[2] == mine[2] and verdict.ruling is Ruling.OK:
            return verdict
        source = None
    else:
        source = int(theirs[3])
    if verdict.ruling is Ruling.VIOLATION:
        return replace(verdict, cause=Cause.GATEWAY, source=source if verdict.source is None else verdict.source)
    reason = "the answer was made for another exchange"
    return violation(Symptom.WRONG_EXCHANGE, reason, source=source, cause=Cause.GATEWAY)


def _wrong_context(stamp: Stamp, asked: Asked) -> str:
    if "-" in {stamp.digest, stamp.nonce}:
        return "the answer was made with settings lost"
    if stamp.digest != asked.digest:
        return "the answer was made with another identity's claims"
    return f"the answer was made with the role setting '{stamp.role}', expected '{asked.role}'"
