"""Tokens: does the target take the right ones, and only those?"""

from collections.abc import Iterator
from typing import Final

from loadcheck.doctor.line import About, Line, ok, unusable, warning, wrong
from loadcheck.doctor.target import Target, Trial
from loadcheck.scenario.claim_mix import TokenKind

_UNAUTHORIZED: Final = 401
_ANY_SUCCESS: Final = range(200, 300)


def tokens(target: Target) -> Iterator[Line]:
    """Tell what each kind of token was answered."""
    if target.lost:
        return
    told = [line for trial in target.trials if (line := _line(trial)) is not None]
    right = [trial.identity for trial in target.trials if trial.status in trial.expected]
    if right:
        yield ok(About.TOKENS, f"answered as they should be: {', '.join(right)}")
    yield from told


def _line(trial: Trial) -> Line | None:
    if trial.status in trial.expected:
        return None
    if trial.status is None:
        return warning(About.TOKENS, f"{trial.identity} got no answer to {trial.request!r}", "Try it with curl.")
    got = f"{trial.identity} got {trial.status}{f' ({trial.code})' if trial.code else ''} for {trial.request!r}"
    if trial.token is TokenKind.MISSING and trial.status in _ANY_SUCCESS:
        return warning(
            About.TOKENS,
            f"{got}: callers without a token are let in",
            "If nobody may be anonymous, remove db-anon-role from PostgREST's configuration.",
        )
    if trial.token is not TokenKind.VALID and trial.status in _ANY_SUCCESS:
        return wrong(
            About.TOKENS,
            f"{got}: a token that is {trial.token} is accepted",
            "Set PostgREST's jwt-secret; is a gateway answering before it?",
        )
    if trial.token is TokenKind.VALID and trial.status == _UNAUTHORIZED:
        return unusable(
            About.TOKENS,
            f"{got}: a right token is refused",
            "Give PostgREST's jwt-secret by --jwt-secret (target.jwt), and its jwt-aud among the claims.",
        )
    expected = " or ".join(map(str, sorted(trial.expected)[:3]))
    return warning(About.TOKENS, f"{got}, expected {expected}", "loadcheck run shows what else is wrong with it.")
