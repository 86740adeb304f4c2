"""The secret that HS* signs with: its bytes, or what keeps PostgREST from taking it."""

import base64
import binascii

from loadcheck.scenario.target import Algorithm, Jwt


class SecretError(ValueError):
    """A secret that PostgREST would not take. It tells nothing of the secret but its length.

    Attributes:
        key: The key of `target.jwt` that it stands under.
        message: What is wrong with it.
        hint: What to write instead.
    """

    def __init__(self, key: str, message: str, hint: str) -> None:
        super().__init__(f"{key} {message}")
        self.key = key
        self.message = message
        self.hint = hint


def secret_bytes(jwt: Jwt) -> bytes | None:
    """Return the bytes that sign, for HS*; None where no secret is given.

    Raises:
        SecretError: the secret is of another kind, or too short.
    """
    if secret := jwt.secret.get_secret_value():
        return _raw(secret, jwt.algorithm)
    if encoded := jwt.secret_base64.get_secret_value():
        return _decoded(encoded, jwt.algorithm)
    return None


def _raw(secret: str, algorithm: Algorithm) -> bytes:
    if secret.lstrip().startswith("{") and '"kty"' in secret:
        hint = 'give the value of its "k" as secret_base64, or a private key as the PEM file private_key'
        raise SecretError("secret", "is a JWK, not a secret", hint)
    if "-----BEGIN" in secret:
        hint = "put it into a file and name that as private_key, with the algorithm, such as RS256"
        raise SecretError("secret", "is a PEM key, not a secret", hint)
    return _long_enough(secret.encode(), algorithm, "secret")


def _decoded(encoded: str, algorithm: Algorithm) -> bytes:
    """Decode either alphabet; PostgREST also takes dots for the padding."""
    text = "".join(encoded.split()).rstrip("=.").replace("-", "+").replace("_", "/")
    try:
        secret = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        hint = "PostgREST decodes the secret only with jwt-secret-is-base64; without it, give it as secret"
        raise SecretError("secret_base64", "is not base64", hint) from None
    return _long_enough(secret, algorithm, "secret_base64", "decodes to")


def _long_enough(secret: bytes, algorithm: Algorithm, key: str, how: str = "has") -> bytes:
    """Refuse what PostgREST refuses: a secret that is shorter than the hash (RFC 7518, section 3.2)."""
    least = int(algorithm[2:]) // 8
    if len(secret) < least:
        message = f"{how} {len(secret)} bytes; {algorithm} wants {least} or more, and so does PostgREST"
        hint = f"make one with `openssl rand -base64 {least}` and give PostgREST and loadcheck the same one"
        raise SecretError(key, message, hint)
    return secret
