"""Grounds: what a verdict rests on beside its exchange, so that it can be judged again."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from loadcheck.engine.events import Exchange
from loadcheck.judge.owners import NOBODY, Owners
from loadcheck.judge.verdict import Verdict
from loadcheck.oracle.truth import Reading, Truth


@dataclass(frozen=True, slots=True)
class Grounds:
    """What is known beside an exchange when it gets its verdict.

    Attributes:
        before: The truth read before it was sent; None when none was needed, or at hand.
        after: The truth read after it was answered; None when the first one settled it.
        owners: Whose rows are whose, read after it was answered.
        digests: Digests of the rows received, where they were disputed.
        answer: Digest of the answer's body, where it was recognised. All answers to one request and identity that
            were recognised as the same one have one and the same object as their grounds.
    """

    before: Truth | None = None
    after: Reading | None = None
    owners: Owners = NOBODY
    digests: tuple[bytes, ...] = ()
    answer: bytes = b""


NO_GROUNDS: Final = Grounds()

Judged: TypeAlias = tuple[Exchange, Verdict, Grounds]
"""An exchange, what the judge says of it, and what that rests on."""
