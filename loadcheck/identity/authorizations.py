"""The Authorization headers of a whole population: signed ahead, and again before they expire."""

import math
from array import array
from collections.abc import Callable
from typing import Final

from loadcheck.clock import Clock
from loadcheck.identity.population import Population
from loadcheck.identity.tokens import Mint

_SLICE_S: Final = 0.05  # signing gives way to the event loop this often
_WATCH_S: Final = 1.0  # how often the wall clock is compared with the monotonic one
_JUMP_S: Final = 1.0  # more than slewing makes within _WATCH_S
_GOLDEN: Final = 0.618033988749895  # its multiples, modulo 1, are spread evenly


class Authorizations:
    """What each identity sends as its Authorization header.

    A header is signed again when it is next asked for after half of its life, for each identity at another
    moment of the following third: so each is fresh, only used ones are renewed, and never many at once.

    Args:
        mint: Makes the tokens.
        population: Whose they are.
        clock: The run's clock.

    Attributes:
        jumps: How often the wall clock jumped against the monotonic one; after each, all is signed again.
        jumped_at: When that was last seen, by the monotonic clock; minus infinity when it never was.
    """

    def __init__(self, mint: Mint, population: Population, clock: Clock) -> None:
        self.jumps = 0
        self.jumped_at = -math.inf
        self._mint = mint
        self._population = population
        self._clock = clock
        self._headers: list[str | None] = [None] * len(population)
        self._retired: list[str | None] = []
        self._due = array("d", bytes(8 * len(population)))
        self._wall_ahead = clock.wall() - clock.now()
        self._watch_at = clock.now() + _WATCH_S

    def __repr__(self) -> str:
        return f"Authorizations({len(self._headers)})"

    async def sign_all(self, progress: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        """Sign every header, giving way to the event loop now and then.

        One core signs about 100,000 a second with HS*, 30,000 with EdDSA or ES256, 3,500 with the others.

        Args:
            progress: Told how many are signed, and of how many.
        """
        slice_ends = self._clock.now() + _SLICE_S
        for index in range(len(self._headers)):
            now = self._clock.now()
            self._sign(index, now)
            if now >= slice_ends:
                progress(index + 1, len(self._headers))
                await self._clock.sleep(0)
                slice_ends = self._clock.now() + _SLICE_S
        progress(len(self._headers), len(self._headers))

    def authorization(self, index: int) -> str | None:
        """Return the header's value for the identity of that index; None when it sends none."""
        now = self._clock.now()
        if now >= self._watch_at:
            self._watch(now)
        if now >= self._due[index]:
            self._sign(index, now)
        return self._headers[index]

    def jumped_since(self, moment: float) -> bool:
        """Whether the wall clock has jumped since a moment of the monotonic one; looks at both clocks now."""
        self._watch(self._clock.now())
        return self.jumped_at >= moment

    def sign_again(self) -> None:
        """Have each header signed again when it is next asked for, as after a change of the mint's offset."""
        self._due = array("d", bytes(8 * len(self._due)))

    def retire(self) -> None:
        """Keep what was sent so far apart, and sign everything again, as after a change of the mint's key."""
        self._retired = self._headers.copy()
        self.sign_again()

    def retired(self, index: int) -> str | None:
        """Return what the identity sent before the last change of the key; None when there was none."""
        return self._retired[index] if self._retired else None

    def _sign(self, index: int, now: float) -> None:
        token = self._mint.token(self._population[index])
        self._headers[index] = None if token is None else f"Bearer {token}"
        # Times in tokens are whole seconds: up to one second of the life is lost.
        life = self._mint.ttl - 1
        self._due[index] = now + life * (0.5 + 0.3 * (index * _GOLDEN % 1))

    def _watch(self, now: float) -> None:
        wall_ahead = self._clock.wall() - now
        if abs(wall_ahead - self._wall_ahead) > _JUMP_S:
            self.jumps += 1
            self.jumped_at = now
            self.sign_again()
        self._wall_ahead = wall_ahead
        self._watch_at = now + _WATCH_S
