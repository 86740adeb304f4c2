"""The stamp on an answer, held against what was asked: was it made for this exchange, with this identity's settings?"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from loadcheck.engine.events import Answer, Draw
from loadcheck.judge.judge import violation
from loadcheck.judge.verdict import Cause, Ruling, Symptom, Verdict
from loadcheck.oracle.stamp import HEADER

_FORM: Final = re.compile(r"(\d{1,10})(?:@(\d{1,18}))? (\d{1,18}) ([0-9a-f]{32}|-) (\S{1,100}) (.{1,100})")
_BACKEND: Final = re.compile(r"(\d{1,10})(?:@(\d{1,18}))?")
_TIME_DIGITS: Final = 18
_NONE: Final = "-"
_LOST_ROLE: Final = "none"  # what the role setting is in a transaction that PostgREST has set nothing in
_NONCE: Final = re.compile(r"([0-9a-f]{8})-(\d{1,9})-(\d{1,9})-(-?\d{1,18})")


@dataclass(slots=True)
class Stamp:
    """What a transaction said of itself.

    Attributes:
        pid: The backend.
        at: Transaction time, in microseconds since 1970.
        digest: Of the claims; `-` when there were none.
        nonce: Of the exchange; `-` when there was none.
        role: The role setting.
        server: When the PostgreSQL server started, in microseconds since 1970: two servers may each have a backend of
            one number. 0 where the stamp does not tell.
    """

    pid: int
    at: int
    digest: str
    nonce: str
    role: str
    server: int = 0


@dataclass(slots=True)
class Asked:
    """What the stamp must show.

    Attributes:
        nonce: The exchange's own.
        digest: The identity's claims digest.
        role: The role that its token asks for; None where the token names none.
        straight: Whether it is PostgREST itself that was asked: nothing before it can have given one caller's answer to
            another.
    """

    nonce: str
    digest: str
    role: str | None
    straight: bool = False


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier exchange whose answer shows the same transaction.

    Attributes:
        stamp: The stamp on that answer.
        source: Its identity; None where that is the same one.
        together: Whether the two answers were read nearly together.
    """

    stamp: Stamp
    source: int | None
    together: bool


def nonce_of(run: str, draw: Draw) -> str:
    """Return the nonce of a draw's exchange.

    Args:
        run: Eight hexadecimal digits that tell this run from others.
        draw: What is sent.
    """
    return f"{run}-{draw.request}-{draw.identity}-{draw.seq}"


def stamp_of(answer: Answer) -> Stamp | None:
    """Return the stamp on an answer; None when it has none, as error answers do."""
    return stamp_in(answer.headers.get(HEADER, ""))


def stamp_in(header: str) -> Stamp | None:
    """Return the stamp that a header's value holds; None when it holds none."""
    match = _FORM.fullmatch(header)
    if match is None:
        return None
    pid, server, at, digest, nonce, role = match.groups()
    return Stamp(int(pid), int(at), digest, nonce, role, int(server or 0))


def stamp_as_asked(header: str, asked: Asked) -> Stamp | None:
    """Return the stamp that a header's value holds, if it shows what was asked; None where `stamp_in` must tell.

    Most stamps do. They need no parser, and change no verdict unless their transaction answered another exchange, too.
    """
    role, end = asked.role, f" {asked.digest} {asked.nonce} {asked.role}"
    if role is None or asked.digest == _NONE or not header.endswith(end):
        return None
    backend, _, at = header[: -len(end)].partition(" ")
    told = _backend(backend)
    if told is None or not at.isdecimal() or len(at) > _TIME_DIGITS:
        return None
    pid, server = told
    return Stamp(pid, int(at), asked.digest, asked.nonce, role, server)


@lru_cache(maxsize=1024)
def _backend(text: str) -> tuple[int, int] | None:
    """Return the backend's process and its server; None where the text names none."""
    match = _BACKEND.fullmatch(text)
    return None if match is None else (int(match[1]), int(match[2] or 0))


def in_context(verdict: Verdict, stamp: Stamp | None, asked: Asked, earlier: Earlier | None = None) -> Verdict:
    """Return the verdict as it is with the stamp: a right answer may have been made for somebody else.

    So may one whose rows show nothing either way: the stamp is evidence of its own, which needs no truth. An answer
    that was made for an earlier exchange of the same identity and request is a cache that does its work. A stamp
    without a nonce went through a gateway that does not pass on the request's header.
    """
    if stamp is None:
        return verdict
    if stamp.nonce not in {asked.nonce, _NONE}:
        return _elsewhere(verdict, stamp, asked)
    reason = _wrong_context(stamp, asked, earlier)
    if not reason and verdict.ruling is not Ruling.VIOLATION:
        return verdict
    if earlier is not None and stamp.nonce == _NONE != stamp.digest and earlier.stamp == stamp:
        return _made_for_another(verdict, earlier.source, asked)
    cause = Cause.GATEWAY if _of_anothers_token(stamp, asked) else Cause.TRANSACTION_FRAMING
    if verdict.ruling is Ruling.VIOLATION:
        return replace(verdict, cause=cause) if reason else verdict
    return violation(Symptom.WRONG_CONTEXT, reason, cause=cause)


def _elsewhere(verdict: Verdict, stamp: Stamp, asked: Asked) -> Verdict:
    theirs, mine = _NONCE.fullmatch(stamp.nonce), _NONCE.fullmatch(asked.nonce)
    if theirs is None or mine is None or theirs[1] != mine[1]:
        source = None
    elif theirs[3] == mine[3]:
        if theirs[2] == mine[2] and verdict.ruling is not Ruling.VIOLATION and not asked.straight:
            return verdict
        source = None
    else:
        source = int(theirs[3])
    return _made_for_another(verdict, source, asked)


def _made_for_another(verdict: Verdict, source: int | None, asked: Asked) -> Verdict:
    """Blame what stands before PostgREST; where nothing does, the query ran inside another exchange's transaction."""
    cause = Cause.TRANSACTION_FRAMING if asked.straight else Cause.GATEWAY
    if verdict.ruling is Ruling.VIOLATION:
        return replace(verdict, cause=cause, source=source if verdict.source is None else verdict.source)
    if asked.straight:
        reason = "the answer was made with the settings of another exchange"
        return violation(Symptom.WRONG_CONTEXT, reason, source=source, cause=cause)
    return violation(Symptom.WRONG_EXCHANGE, "the answer was made for another exchange", source=source, cause=cause)


def _of_anothers_token(stamp: Stamp, asked: Asked) -> bool:
    """Whether a request reached PostgREST with another's token: it sets nonce and claims at once, from one request.

    Where it is PostgREST itself that was asked, nothing can have put another token there.
    """
    whole = stamp.nonce == asked.nonce and stamp.digest not in {_NONE, asked.digest}
    return whole and stamp.role not in {_NONE, _LOST_ROLE} and not asked.straight


def _wrong_context(stamp: Stamp, asked: Asked, earlier: Earlier | None) -> str:
    """Return what is wrong with the settings or the transaction; empty when nothing is."""
    if stamp.digest == _NONE:
        return "the answer was made with settings lost"
    if stamp.digest != asked.digest:
        return "the answer was made with another identity's claims"
    if asked.role not in {None, stamp.role}:
        return f"the answer was made with the role setting '{stamp.role}', expected '{asked.role}'"
    if earlier is not None and earlier.together and earlier.stamp.nonce != stamp.nonce:
        return "the answer was made inside the transaction of another exchange"
    return ""
