"""The client's side of SCRAM-SHA-256 (RFC 5802 and 7677), without channel binding."""

import base64
import hashlib
import hmac
import secrets
from hashlib import sha256
from typing import Final

_NO_BINDING: Final = b"n,,"


class Scram:
    """One log-in with a password; the server's own proof is not looked at."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        # PostgreSQL takes the user from the start-up message, and wants the name here empty.
        self._bare = b"n=,r=" + base64.b64encode(secrets.token_bytes(18))

    def first(self) -> bytes:
        return _NO_BINDING + self._bare

    def final(self, challenge: bytes) -> bytes:
        """Answer the server's challenge: nonce, salt and the number of rounds."""
        told = dict(part.split(b"=", 1) for part in challenge.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(told[b"s"]), int(told[b"i"]))
        key = _hmac(salted, b"Client Key")
        unproved = b"c=" + base64.b64encode(_NO_BINDING) + b",r=" + told[b"r"]
        signature = _hmac(sha256(key).digest(), b",".join([self._bare, challenge, unproved]))
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        return unproved + b",p=" + base64.b64encode(proof)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
