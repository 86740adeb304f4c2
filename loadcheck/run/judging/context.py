"""What the stamp of each exchange must show."""

from loadcheck.engine.events import Draw
from loadcheck.identity.population import Population
from loadcheck.judge.stamp import Asked, nonce_of
from loadcheck.oracle.caller import Caller


class Context:
    """Knows nonces, claims digests and roles.

    Args:
        population: The identities.
        caller: Tells their roles.
        run: Eight hexadecimal digits that tell this run from others.
        straight: Whether nothing stands before PostgREST.

    Attributes:
        run: The same.
        straight: The same.
        digests: The claims digest of each identity; empty where there is no database to ask.
    """

    def __init__(self, population: Population, caller: Caller, run: str, *, straight: bool) -> None:
        self.digests: list[str] = []
        self._roles = [caller.role(identity) for identity in population]
        self.run = run
        self.straight = straight

    def nonce(self, draw: Draw) -> str:
        """Return the nonce that is sent with a draw."""
        return nonce_of(self.run, draw)

    def asked(self, draw: Draw) -> Asked:
        """Return what the stamp on a draw's answer must show."""
        return Asked(self.nonce(draw), self.digests[draw.identity], self._roles[draw.identity], self.straight)
