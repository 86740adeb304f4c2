"""A span of a run, all of it or a phase: the backends it reached, by what, and in whose turn."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadcheck.record.counts import Numbers

# PostgreSQL plans a prepared statement anew for its first five runs and may keep a generic plan from the sixth on
# (choose_custom_plan in src/backend/utils/cache/plancache.c).
PLANS_KEPT_FROM: Final = 6
_BACKENDS_KEPT: Final = 1024


@dataclass(slots=True)
class Shape:
    """How one request, which makes one shape of statement, reached the backends.

    Attributes:
        telling: Whether its answers tell whose they are.
        repeats: The most often that one backend ran it.
        backends: How many backends ran it.
        planned: How many of them ran it six times or more, so that a kept plan could have leaked.
        exposed: Right answers of it that came from a backend which an identity with another right answer had before.
    """

    telling: bool
    repeats: int = 0
    backends: int = 0
    planned: int = 0
    exposed: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """What a span has reached, in numbers.

    Attributes:
        backends: How many backends answered.
        handoffs: Consecutive transactions on one backend for two different identities.
        distinct_handoffs: How many ordered pairs of claim mixes a backend was handed between.
        repeats: The most often that one backend ran a request, of the request for which it is the least; None where
            no request tells whose its answers are.
        exposed: Exposed answers, of the request that has the fewest; None likewise.
    """

    backends: int
    handoffs: int
    distinct_handoffs: int
    repeats: int | None
    exposed: int | None


class Span:
    """Counts one span.

    Args:
        telling: For each request, whether its answers tell whose they are.

    Attributes:
        handoffs: Consecutive transactions on one backend for two different identities.
        pairs: The same by the claim mixes of the two, in order.
        shapes: By request.
    """

    def __init__(self, telling: Sequence[bool]) -> None:
        self.handoffs = 0
        self.pairs: Counter[tuple[int, int]] = Counter()
        self.shapes = [Shape(tells) for tells in telling]
        self._backends = Numbers()
        self._runs: OrderedDict[int, dict[int, int]] = OrderedDict()

    @property
    def backends(self) -> int:
        """How many backends answered."""
        return self._backends.count

    def used(self, pid: int, request: int) -> None:
        """Count a request that a backend ran."""
        runs = self._of(pid)
        repeats = runs[request] = runs.get(request, 0) + 1
        shape = self.shapes[request]
        if repeats > shape.repeats:  # noqa: PLR1730 -- a call of max takes three times as long
            shape.repeats = repeats
        if repeats == 1:
            shape.backends += 1
        elif repeats == PLANS_KEPT_FROM:
            shape.planned += 1

    def handed(self, earlier: int, later: int, exposed: int | None) -> None:
        """Count a handoff from one claim mix to another, and the request whose answer it exposed, if any."""
        self.handoffs += 1
        self.pairs[earlier, later] += 1
        if exposed is not None:
            self.shapes[exposed].exposed += 1

    def reached(self) -> Reached:
        """Return what was reached so far."""
        telling = [shape for shape in self.shapes if shape.telling]
        return Reached(
            self.backends,
            self.handoffs,
            len(self.pairs),
            min((shape.repeats for shape in telling), default=None),
            min((shape.exposed for shape in telling), default=None),
        )

    def _of(self, pid: int) -> dict[int, int]:
        """Return how often a backend ran each request; of one that has long been silent, this is forgotten."""
        runs = self._runs.get(pid)
        if runs is None:
            self._backends.add(pid)
            runs = self._runs[pid] = {}
            if len(self._runs) > _BACKENDS_KEPT:
                self._runs.popitem(last=False)
        self._runs.move_to_end(pid)
        return runs
