"""Right answers are recognised: the judge says the same of the same answer, so it need not be asked again."""

from dataclasses import dataclass
from typing import Final

from loadcheck.engine.events import Exchange
from loadcheck.judge.grounds import Grounds
from loadcheck.oracle.expectation import Expectation
from loadcheck.oracle.rows import digest
from loadcheck.oracle.truth import Truth

_KEPT: Final = 250_000  # answers to all requests together; about 450 bytes each, beside their bodies
_LONG: Final = 1_024  # bytes; of a longer body the digest alone is kept
_BODIES: Final = 100 * 10**6  # bytes of all bodies that are kept; digests after that


@dataclass(slots=True)
class _Right:
    """What of an answer was judged by a truth, and found right.

    Attributes:
        grounds: The truth, and the digest of the body.
        status: Its status.
        stated: Its Content-Range.
        body: The body; None where it is too long to be kept, and is compared by its digest.
    """

    grounds: Grounds
    status: int
    stated: str | None
    body: bytes | None


class Recognition:
    """Remembers, for each request and identity, the last answer that was judged right, and by which truth.

    It holds for that very truth only, and only where status, Content-Range and body decide. Where headers or JSON are
    expected, or rows that depend on what is drawn, what is right changes from exchange to exchange.

    Args:
        requests: How many requests the scenario has.
    """

    def __init__(self, requests: int) -> None:
        self._right: list[dict[int, _Right]] = [{} for _ in range(requests)]
        self._answers = _KEPT // requests
        self._bytes = _BODIES

    def knows(self, exchange: Exchange, truth: Truth | None) -> Grounds | None:
        """Return the grounds on which the same answer was judged right by this truth before; None if none was."""
        draw, answer = exchange.draw, exchange.answer
        right = self._right[draw.request].get(draw.identity)
        if right is None or answer is None:
            return None
        grounds, body = right.grounds, right.body
        if grounds.before is not truth or right.status != answer.status:
            return None
        same = grounds.answer == digest(answer.body) if body is None else body == answer.body
        return grounds if same and right.stated == answer.headers.get("content-range") else None

    def remember(self, exchange: Exchange, expectation: Expectation, truth: Truth | None) -> Grounds:
        """Return the grounds of an answer that was judged right by a truth, and keep it if it can be recognised."""
        draw, answer = exchange.draw, exchange.answer
        if answer is None or expectation.headers or expectation.json or expectation.drawn:
            return Grounds(truth)
        kept = self._right[draw.request]
        before = kept.get(draw.identity)
        if before is None and len(kept) >= self._answers:
            return Grounds(truth)
        grounds, body, stated = Grounds(truth, answer=answer.digest), answer.body, answer.headers.get("content-range")
        self._bytes += 0 if before is None else len(before.body or b"")
        fits = len(body) <= min(_LONG, self._bytes)
        self._bytes -= len(body) if fits else 0
        kept[draw.identity] = _Right(grounds, answer.status, stated, body if fits else None)
        return grounds
