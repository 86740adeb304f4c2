"""The key that signs the tokens: read from the scenario, checked against its algorithm, and never shown."""

import secrets
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import get_default_algorithms
from pydantic import SecretStr

from loadcheck.errors import UsageProblem
from loadcheck.scenario.regular import read_file
from loadcheck.scenario.secret import SecretError, secret_bytes
from loadcheck.scenario.target import Algorithm, Jwt

_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey

_RSA_MIN_BITS: Final = 2048  # RFC 7518, section 3.3
_PEM_MAX_BYTES: Final = 1_000_000
_CURVES: Final[dict[Algorithm, ec.EllipticCurve]] = {
    Algorithm.ES256: ec.SECP256R1(),
    Algorithm.ES384: ec.SECP384R1(),
    Algorithm.ES512: ec.SECP521R1(),
}
_CURVE_NAMES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


class SigningKey:
    """A key together with the one algorithm it signs with. Its repr tells neither the key nor its length.

    Args:
        algorithm: What it signs with.
        material: The secret's bytes for HS*, a private key for the others; it fits the algorithm.
    """

    def __init__(self, algorithm: Algorithm, material: bytes | _PrivateKey) -> None:
        self.algorithm = algorithm
        self._material = material
        self._signer = get_default_algorithms()[algorithm.value]

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm.value})"

    def sign(self, message: bytes) -> bytes:
        """Return the signature as JWS wants it (RFC 7515)."""
        return self._signer.sign(message, self._material)

    def public_jwk(self) -> dict[str, Any]:
        """Return what verifies the signatures, as a JWK; as JSON it is PostgREST's `jwt-secret`.

        For HS* that is the secret itself: PostgREST takes HS384 and HS512 secrets in no other form.
        """
        verifying = self._material if isinstance(self._material, bytes) else self._material.public_key()
        return {
            **self._signer.to_jwk(verifying, as_dict=True),
            "alg": self.algorithm.value,
            "use": "sig",
        }

    def pem(self) -> bytes:
        """Return the private key as unencrypted PKCS#8, for a file that only its owner can read.

        Raises:
            TypeError: HS* has a secret, not a private key.
        """
        if isinstance(self._material, bytes):
            raise TypeError(f"{self.algorithm} signs with a secret")
        return self._material.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def fresh_key(algorithm: Algorithm) -> SigningKey:
    """Make a random key that fits the algorithm."""
    if algorithm.symmetric:
        return SigningKey(algorithm, secrets.token_bytes(int(algorithm[2:]) // 8))
    if algorithm in _CURVES:
        return SigningKey(algorithm, ec.generate_private_key(_CURVES[algorithm]))
    if algorithm is Algorithm.EdDSA:
        return SigningKey(algorithm, ed25519.Ed25519PrivateKey.generate())
    return SigningKey(algorithm, rsa.generate_private_key(public_exponent=65537, key_size=_RSA_MIN_BITS))


def with_secret(jwt: Jwt, secret: str) -> Jwt:
    """Return the same with the user's secret in place of the scenario's key.

    Raises:
        UsageProblem: the algorithm signs with a private key.
    """
    if not jwt.algorithm.symmetric:
        raise UsageProblem(
            f"--jwt-secret does not go with {jwt.algorithm}",
            "Name the key in the scenario: target.jwt.private_key.",
        )
    return jwt.model_copy(update={"secret": SecretStr(secret), "secret_base64": SecretStr("")})


def signing_key(jwt: Jwt, folder: Path) -> SigningKey:
    """Read the scenario's key.

    Args:
        jwt: The scenario's `target.jwt`.
        folder: The scenario's folder, which `private_key` is relative to.

    Raises:
        UsageProblem: there is none, it cannot be read, or it does not fit the algorithm.
    """
    if jwt.private_key:
        return SigningKey(jwt.algorithm, _private_key(folder / jwt.private_key, jwt.algorithm))
    try:
        secret = secret_bytes(jwt)
    except SecretError as error:
        raise UsageProblem(f"target.jwt.{error}", f"{error.hint[0].upper()}{error.hint[1:]}.") from None
    if secret is not None:
        return SigningKey(jwt.algorithm, secret)
    raise UsageProblem(
        "there is no key to sign tokens with",
        "Set --jwt-secret or LOADCHECK_JWT_SECRET, or target.jwt in the scenario: secret, secret_base64 or "
        "private_key.",
    )


def _private_key(path: Path, algorithm: Algorithm) -> _PrivateKey:
    try:
        text = read_file(path, _PEM_MAX_BYTES)
    except OSError as error:
        raise UsageProblem(
            f"cannot read target.jwt.private_key {path}: {error.strerror}",
            "The path is relative to the scenario's folder.",
        ) from None
    return _fitting(_parsed(text, path), algorithm, path)


def _parsed(text: bytes, path: Path) -> object:
    """Parse PKCS#1, PKCS#8 or SEC1."""
    try:
        return load_pem_private_key(text, password=None)
    except TypeError:
        raise UsageProblem(
            f"the private key {path} is encrypted",
            f"Decrypt a copy for loadcheck: openssl pkey -in {path} -out plain.pem",
        ) from None
    except Exception:  # noqa: BLE001 -- the library promises no closed list; its text may quote the key
        raise UsageProblem(
            f"{path} is not a private key in PEM form{_seen(text)}",
            "It must hold a BEGIN PRIVATE KEY, BEGIN RSA PRIVATE KEY or BEGIN EC PRIVATE KEY block.",
        ) from None


def _seen(text: bytes) -> str:
    """Name the usual mistakes."""
    for mark, kind in (
        (b"BEGIN OPENSSH PRIVATE KEY", "OpenSSH's own format"),
        (b"BEGIN CERTIFICATE", "a certificate"),
        (b"PUBLIC KEY", "a public key"),
        (b'"kty"', "a JWK"),
    ):
        if mark in text:
            return f": it holds {kind}"
    return ""


def _fitting(key: object, algorithm: Algorithm, path: Path) -> _PrivateKey:
    if algorithm in _CURVES:
        fits = isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == _CURVES[algorithm].name
        wanted = f"an elliptic curve key on {_CURVE_NAMES[_CURVES[algorithm].name]}"
    elif algorithm is Algorithm.EdDSA:
        fits = isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
        wanted = "an Ed25519 key"
    else:
        fits = isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_MIN_BITS
        wanted = f"an RSA key of {_RSA_MIN_BITS} bits or more"
    if not fits or not isinstance(key, _PrivateKey):
        raise UsageProblem(
            f"{algorithm} needs {wanted}; {path} holds {_kind(key)}",
            "Give target.jwt.algorithm as PostgREST's key has it, or another private_key.",
        )
    return key


def _kind(key: object) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return f"an RSA key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return f"an elliptic curve key on {_CURVE_NAMES.get(key.curve.name, key.curve.name)}"
    if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return "an Edwards curve key"
    return "a key of another kind"
