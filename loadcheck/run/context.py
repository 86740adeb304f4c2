"""What the stamp of each exchange must show."""

from loadcheck.engine.events import Draw
from loadcheck.identity.population import Population
from loadcheck.judge.stamp import Asked, nonce_of


class Context:
    """Knows nonces, claims digests and roles.

    Args:
        population: The identities.
        run: Eight hexadecimal digits that tell this run from others.

    Attributes:
        digests: The claims digest of each identity; empty for a target without the stamp.
    """

    def __init__(self, population: Population, run: str) -> None:
        self.digests: list[str] = []
        self._population = population
        self._run = run

    def nonce(self, draw: Draw) -> str:
        """Return the nonce that is sent with a draw."""
        return nonce_of(self._run, draw)

    def asked(self, draw: Draw) -> Asked:
        """Return what the stamp on a draw's answer must show."""
        role = self._population[draw.identity].claims.get("role")
        return Asked(self.nonce(draw), self.digests[draw.identity], role if isinstance(role, str) else None)
