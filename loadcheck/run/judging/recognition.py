"""Right answers are recognised: the judge says the same of the same answer, so it need not be asked again."""

from dataclasses import dataclass
from typing import Final

from loadcheck.engine.events import Exchange
from loadcheck.judge.grounds import Grounds
from loadcheck.oracle.expectation import Expectation
from loadcheck.oracle.rows import DIGEST_BYTES, digest
from loadcheck.oracle.truth import Truth

_KEPT: Final = 250_000  # answers; about 450 bytes each, beside their bodies
_LONG: Final = 1_024  # bytes; of a longer body the digest is kept
_BODIES: Final = 100 * 10**6  # bytes of all bodies kept as they came; digests after that


@dataclass(frozen=True, slots=True)
class _Right:
    """What of an answer was judged by a truth, and found right.

    Attributes:
        grounds: The truth, and the digest of the body.
        status: Its status.
        stated: Its Content-Range.
        length: Of its body.
        kept: The body or, where that is shorter, its digest: by the length the one is told from the other.
    """

    grounds: Grounds
    status: int
    stated: str | None
    length: int
    kept: bytes


class Recognition:
    """Remembers, for each request and identity, the last answer that was judged right, and by which truth.

    It holds for that very truth only, and only where status, Content-Range and body decide. Where headers or JSON are
    expected, or rows that depend on what is drawn, what is right changes from exchange to exchange.
    """

    def __init__(self) -> None:
        self._right: dict[tuple[int, int], _Right] = {}
        self._room = _BODIES

    def knows(self, exchange: Exchange, truth: Truth | None) -> Grounds | None:
        """Return the grounds on which the same answer was judged right by this truth before; None if none was."""
        draw, answer = exchange.draw, exchange.answer
        right = self._right.get((draw.request, draw.identity))
        if right is None or answer is None or right.grounds.before is not truth:
            return None
        body, kept = answer.body, right.kept
        if right.status != answer.status or right.length != len(body):
            return None
        same = kept == (body if len(kept) == len(body) else digest(body))
        return right.grounds if same and right.stated == answer.headers.get("content-range") else None

    def remember(self, exchange: Exchange, expectation: Expectation, truth: Truth | None) -> Grounds:
        """Return the grounds of an answer that was judged right by a truth, and keep it if it can be recognised."""
        answer = exchange.answer
        if answer is None or expectation.headers or expectation.json or expectation.drawn:
            return Grounds(truth)
        key = (exchange.draw.request, exchange.draw.identity)
        before = self._right.get(key)
        if before is None and len(self._right) >= _KEPT:
            return Grounds(truth)
        self._room += 0 if before is None else len(before.kept)
        grounds, body = Grounds(truth, answer=answer.digest), answer.body
        kept = body if len(body) <= max(DIGEST_BYTES, min(_LONG, self._room)) else grounds.answer
        self._room -= len(kept)
        self._right[key] = _Right(grounds, answer.status, answer.headers.get("content-range"), len(body), kept)
        return grounds
