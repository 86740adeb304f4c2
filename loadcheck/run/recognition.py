"""Right answers are recognised: the judge says the same of the same answer, so it need not be asked again."""

from typing import Final

from loadcheck.engine.events import Exchange
from loadcheck.oracle.expectation import Expectation
from loadcheck.oracle.rows import DIGEST_BYTES, digest
from loadcheck.oracle.truth import Truth

_KEPT: Final = 400_000  # answers; about 300 bytes each, beside their bodies
_LONG: Final = 1_024  # bytes; of a longer body the digest is kept
_BODIES: Final = 100 * 10**6  # bytes of all bodies kept as they came; digests after that

_Seen = tuple[Truth | None, int, str | None, int, bytes]
"""A truth, and what of an answer is judged by it: status, Content-Range, the body's length, the body or its digest."""


class Recognition:
    """Remembers, for each request and identity, the last answer that was judged right, and by which truth.

    It holds for that very truth only, and only where status, Content-Range and body decide. Where headers or JSON are
    expected, or rows that depend on what is drawn, what is right changes from exchange to exchange.
    """

    def __init__(self) -> None:
        self._right: dict[tuple[int, int], _Seen] = {}
        self._room = _BODIES

    def knows(self, exchange: Exchange, truth: Truth | None) -> bool:
        """Whether this answer, byte for byte, was judged right before by this truth."""
        right, answer = self._right.get((exchange.draw.request, exchange.draw.identity)), exchange.answer
        if right is None or answer is None:
            return False
        known, status, stated, length, kept = right
        if known is not truth or status != answer.status or length != len(answer.body):
            return False
        same = kept == (answer.body if len(kept) == length else digest(answer.body))
        return same and stated == answer.headers.get("content-range")

    def remember(self, exchange: Exchange, expectation: Expectation, truth: Truth | None) -> None:
        """Keep an answer that was judged right by a truth, in the place of the one before."""
        answer = exchange.answer
        if answer is None or expectation.headers or expectation.json or expectation.drawn:
            return
        key = (exchange.draw.request, exchange.draw.identity)
        before = self._right.get(key)
        if before is None and len(self._right) >= _KEPT:
            return
        self._room += 0 if before is None else len(before[4])
        kept = self._kept(answer.body)
        self._room -= len(kept)
        self._right[key] = (truth, answer.status, answer.headers.get("content-range"), len(answer.body), kept)

    def _kept(self, body: bytes) -> bytes:
        """Return the body, or its digest where that is shorter: by its length the one is told from the other."""
        return body if len(body) <= max(DIGEST_BYTES, min(_LONG, self._room)) else digest(body)
