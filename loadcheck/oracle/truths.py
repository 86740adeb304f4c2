"""Where truths are kept: for the whole run if fixed for an identity, for a while if they depend on what is drawn."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, Protocol

from loadcheck.oracle.truth import Truth
from loadcheck.scenario.base import Scalar

# Enough for every draw that is ahead or in flight many times over; about 10 MB. It is full, and its tables have their
# last size, well before exchange 100,000.
_DRAWN_KEPT: Final = 20_000


class Question(Protocol):
    """What the oracle can be asked: a request by an identity, with the values of the request's variables."""

    @property
    def request(self) -> int:
        """Index into the scenario's requests."""
        ...

    @property
    def identity(self) -> int:
        """Index into the population."""
        ...

    @property
    def values(self) -> tuple[Scalar, ...]:
        """The request's variables, in the order in which the scenario names them."""
        ...


class Truths:
    """Truths by question, in bounded memory.

    Args:
        requests: How many requests the scenario has.
        identities: How many identities the population has.

    Attributes:
        fixed: For each request and identity, the truth that holds whatever is drawn; None as long as none is known.
    """

    def __init__(self, requests: int, identities: int) -> None:
        self.fixed: list[list[Truth | None]] = [[None] * identities for _ in range(requests)]
        self._drawn: OrderedDict[tuple[int, int, tuple[Scalar, ...]], Truth] = OrderedDict()

    def drawn(self, question: Question) -> Truth | None:
        """Return the truth for the values drawn, if it is still kept."""
        return self._drawn.get((question.request, question.identity, question.values))

    def keep_fixed(self, question: Question, truth: Truth) -> None:
        """Keep a truth that holds whatever is drawn."""
        self.fixed[question.request][question.identity] = truth

    def keep_drawn(self, question: Question, truth: Truth) -> None:
        """Keep a truth for the values drawn, and let go of the oldest."""
        key = (question.request, question.identity, question.values)
        self._drawn[key] = truth
        self._drawn.move_to_end(key)
        if len(self._drawn) > _DRAWN_KEPT:
            self._drawn.popitem(last=False)

    def of_request(self, request: int) -> Iterator[tuple[int, Truth]]:
        """Yield every identity whose fixed truth for the request is known, with it."""
        return ((identity, truth) for identity, truth in enumerate(self.fixed[request]) if truth is not None)
