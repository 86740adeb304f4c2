"""One token: signed from an identity's claims, right or wrong in exactly one way."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from loadcheck.clock import Clock
from loadcheck.identity.keys import SigningKey, fresh_key, signing_key
from loadcheck.identity.population import Identity
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.target import Jwt

FAR_S: Final = 3600
"""How far expired and not-yet-valid tokens are off, in seconds; PostgREST forgives 30."""


class Mint:
    """Makes tokens.

    Args:
        jwt: The scenario's `target.jwt`.
        folder: The scenario's folder.
        clock: Tells the wall time that `iat`, `nbf` and `exp` start from.

    Attributes:
        key: What right tokens are signed with.
        ttl: How long a token is valid, in seconds.
        offset: How far the target's clock is ahead of ours, in seconds.

    Raises:
        UsageProblem: there is no usable key.
    """

    def __init__(self, jwt: Jwt, folder: Path, clock: Clock) -> None:
        self.key = signing_key(jwt, folder)
        self.ttl = jwt.ttl
        self.offset = 0.0
        self._clock = clock
        self._wrong_key: SigningKey | None = None
        self._header = _segment({"alg": self.key.algorithm.value, "typ": "JWT"})

    def __repr__(self) -> str:
        return f"Mint({self.key!r})"

    def token(self, identity: Identity) -> str | None:
        """Return a token for the identity, as its kind wants it; None when it sends none.

        `iat` and `exp` are added; a claim of the scenario's own with that name wins where the kind allows it.
        """
        now = self._clock.wall() + self.offset
        times = {"iat": int(now), "exp": int(now + self.ttl)}
        claims = {**times, **identity.claims, **self._wrong_times(identity.token, now)}
        match identity.token:
            case TokenKind.MISSING:
                return None
            case TokenKind.UNSIGNED:
                return f"{_segment({'alg': 'none', 'typ': 'JWT'})}.{_segment(claims)}."
            case TokenKind.WRONG_KEY:
                return self._signed(claims, self._other_key())
            case TokenKind.MALFORMED:
                header, _, signature = self._signed(claims, self.key).split(".")
                return f"{header}.{signature}"
        return self._signed(claims, self.key)

    def rekey(self, jwt: Jwt, folder: Path) -> None:
        """Sign with another key of the same algorithm from now on.

        Raises:
            UsageProblem: there is no usable key.
        """
        self.key = signing_key(jwt, folder)

    def _wrong_times(self, kind: TokenKind, now: float) -> dict[str, int]:
        if kind is TokenKind.EXPIRED:
            return {"iat": int(now) - 2 * FAR_S, "exp": int(now) - FAR_S}
        if kind is TokenKind.NOT_YET_VALID:
            return {"nbf": int(now) + FAR_S, "exp": int(now + self.ttl) + FAR_S}
        return {}

    def _other_key(self) -> SigningKey:
        """Return a key that nobody knows, made once: an RSA key takes a while."""
        self._wrong_key = self._wrong_key or fresh_key(self.key.algorithm)
        return self._wrong_key

    def _signed(self, claims: Mapping[str, Any], key: SigningKey) -> str:
        message = f"{self._header}.{_segment(claims)}"
        return f"{message}.{_base64url(key.sign(message.encode()))}"


def _segment(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
