"""Tokens that must be refused: now and then one goes in the place of an identity's own, while a fault says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

from loadcheck.clock import Clock
from loadcheck.engine.events import Draw
from loadcheck.engine.messages import Message
from loadcheck.engine.randomness import source
from loadcheck.run.preparing.preparation import Prepared
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.fault import Fault, FaultKind
from loadcheck.scenario.target import Jwt

_SHARE: Final = 0.1
_READS: Final = frozenset({"GET", "HEAD"})
# PostgREST has said by then that it knows the new key; a gateway before it may take a moment more.
_SETTLED_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Refused:
    """A token that must be refused, and the fault that has it sent."""

    fault: str
    authorization: str

    def instead(self, message: Message) -> Message:
        """Return the message with this token in the place of its own."""
        return message.with_headers({**message.headers, "Authorization": self.authorization})


class RefusedTokens:
    """Chooses the reads, of identities whose own token is right, that are sent with a token that must be refused.

    Args:
        prepared: Holds the identities, their tokens and the mint.
        folder: The scenario's folder.
        clock: The run's clock.
        seed: The run's, which decides which exchanges it strikes.
    """

    def __init__(self, prepared: Prepared, folder: Path, clock: Clock, seed: int) -> None:
        self._prepared = prepared
        self._folder = folder
        self._clock = clock
        self._seed = seed
        self._expiring = 0.0
        self._retired = 0.0
        self._retired_from = 0.0

    def choose(self, draw: Draw) -> Refused | None:
        """Return what to send with a draw in place of its own token; None: that one, as nearly always."""
        if not self._expiring and not self._retired:
            return None
        identity = self._prepared.population[draw.identity]
        method = self._prepared.scenario.requests[draw.request].method
        if identity.token is not TokenKind.VALID or method not in _READS:
            return None
        chance = source(self._seed, "refused", draw.seq).random()
        if chance < self._expiring:
            token = self._prepared.mint.token(replace(identity, token=TokenKind.EXPIRED))
            return Refused(FaultKind.EXPIRE_TOKENS, f"Bearer {token}")
        old = self._prepared.authorizations.retired(draw.identity)
        if old is None or 1 - chance > self._retired or self._clock.now() < self._retired_from:
            return None
        return Refused(FaultKind.ROTATE_JWT_SECRET, old)

    @asynccontextmanager
    async def expiring(self, fault: Fault, _chance: Random) -> AsyncIterator[None]:
        """Send expired tokens for as long as the context lasts."""
        self._expiring = fault.share or _SHARE
        try:
            yield
        finally:
            self._expiring = 0.0

    def rotated(self, fault: Fault, jwt: Jwt) -> None:
        """Sign with a new key from now on, and send some of the old tokens again once that has settled."""
        self._prepared.mint.rekey(jwt, self._folder)
        self._prepared.authorizations.retire()
        self._retired = fault.share or _SHARE
        self._retired_from = self._clock.now() + _SETTLED_S
