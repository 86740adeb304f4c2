import base64
from collections.abc import Callable
from pathlib import Path

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.errors import UsageProblem
from loadcheck.identity.keys import SigningKey, fresh_key, signing_key
from loadcheck.scenario.target import Algorithm, Jwt

SECRET = "correct horse battery staple, twice over"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 -- to be refused
P256, P384, P521 = (ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1))
PEMS: dict[str, "PrivateKey"] = {"RS256": RSA, "PS512": RSA, "ES256": P256, "ES384": P384, "ES512": P521}
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def verifies(key: SigningKey) -> bool:
    """Sign with the key and verify with PyJWT and the JWK alone."""
    signature = key.sign(b"message")
    verifier = pyjwt.PyJWK(key.public_jwk())
    return verifier.Algorithm.verify(b"message", verifier.key, signature)


def pem(
    key: PrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey | dsa.DSAPrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def refusal(jwt: Jwt, folder: Path = Path()) -> UsageProblem:
    with pytest.raises(UsageProblem) as caught:
        signing_key(jwt, folder)
    assert caught.value.advice
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_fresh_key_of_every_algorithm_signs_what_its_jwk_verifies(algorithm: Algorithm) -> None:
    key = fresh_key(algorithm)
    assert verifies(key)
    assert key.public_jwk()["alg"] == algorithm.value
    assert algorithm.symmetric or "d" not in key.public_jwk()


@pytest.mark.parametrize("algorithm", [each for each in Algorithm if not each.symmetric])
def test_a_fresh_key_comes_back_from_its_pem(algorithm: Algorithm, tmp_path: Path) -> None:
    key = fresh_key(algorithm)
    (tmp_path / "key.pem").write_bytes(key.pem())
    read = signing_key(Jwt(private_key="key.pem", algorithm=algorithm), tmp_path)
    assert read.public_jwk() == key.public_jwk()


def test_a_secret_has_no_pem() -> None:
    with pytest.raises(TypeError):
        fresh_key(Algorithm.HS256).pem()


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("algorithm", PEMS)
def test_pem_files_in_pkcs1_sec1_and_pkcs8(algorithm: str, form: PrivateFormat, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem(PEMS[algorithm], form))
    assert verifies(signing_key(Jwt(private_key="key.pem", algorithm=Algorithm(algorithm)), tmp_path))


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), ed448.Ed448PrivateKey.generate()])
def test_both_edwards_curves(key: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem(key))
    assert verifies(signing_key(Jwt(private_key="key.pem", algorithm=Algorithm.EdDSA), tmp_path))


def test_parameters_before_the_key_are_skipped(tmp_path: Path) -> None:
    # `openssl ecparam -genkey` writes them.
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    (tmp_path / "key.pem").write_bytes(parameters + pem(P256, PrivateFormat.TraditionalOpenSSL))
    assert verifies(signing_key(Jwt(private_key="key.pem", algorithm=Algorithm.ES256), tmp_path))


def test_a_raw_secret_is_its_utf8_bytes() -> None:
    secret = "пароль " * 5
    key = signing_key(Jwt(secret=secret), Path())
    assert pyjwt.decode(pyjwt.encode({}, secret.encode(), "HS256"), pyjwt.PyJWK(key.public_jwk())) == {}


@given(
    secret=st.binary(min_size=32, max_size=80),
    encode=st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]),
    strip=st.sampled_from(["", "="]),
    end=st.sampled_from(["", "\n", " "]),
)
def test_base64_in_either_alphabet_with_or_without_padding(
    secret: bytes, encode: Callable[[bytes], bytes], strip: str, end: str
) -> None:
    jwt = Jwt(secret_base64=encode(secret).decode().rstrip(strip) + end)
    assert signing_key(jwt, Path()).sign(b"m") == SigningKey(Algorithm.HS256, secret).sign(b"m")


@pytest.mark.parametrize(
    ("jwt", "says"),
    [
        (Jwt(), "no key"),
        (Jwt(secret="short-and-sweet"), "15 bytes; HS256 wants 32 or more"),
        (Jwt(secret="short-and-sweet, but for HS256", algorithm=Algorithm.HS384), "HS384 wants 48 or more"),
        (Jwt(secret="short-and-sweet" * 4, algorithm=Algorithm.HS512), "60 bytes; HS512 wants 64 or more"),
        (Jwt(secret_base64=base64.b64encode(b"short-and-sweet").decode()), "15 bytes"),
        (Jwt(secret_base64="short-and-sweet; not base64, but long enough"), "not base64"),
        (Jwt(secret_base64="ä" * 44), "not base64"),
        (Jwt(secret='{"kty":"oct","k":"short-and-sweet-AyM1SysPpbyDfgZld3umj1qzKObwVM"}'), "JWK"),
        (Jwt(secret="-----BEGIN PRIVATE KEY-----\nshort-and-sweet\n-----END PRIVATE KEY-----"), "PEM"),
    ],
)
def test_a_secret_that_cannot_be_used_is_told_but_not_shown(jwt: Jwt, says: str) -> None:
    problem = refusal(jwt)
    assert says in problem.message
    assert "short-and-sweet" not in problem.message + problem.advice


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a private key"),
        (b"\x00\xff" * 100, "not a private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a private key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "OpenSSH"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a certificate"),
        (b'{"kty":"RSA"}', "a JWK"),
        (RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "a public key"),
        (pem(RSA, encryption=BestAvailableEncryption(b"pw")), "is encrypted"),
        (pem(P256, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"pw")), "is encrypted"),
        (pem(P256), "RS256 needs an RSA key of 2048 bits or more; "),
        (pem(WEAK_RSA), "holds an RSA key of 1024 bits"),
        (pem(dsa.generate_private_key(key_size=2048)), "a key of another kind"),
    ],
)
def test_a_private_key_that_cannot_be_used_is_told(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    problem = refusal(Jwt(private_key="key.pem", algorithm=Algorithm.RS256), tmp_path)
    assert says in problem.message
    assert "key.pem" in problem.message


@pytest.mark.parametrize(
    ("algorithm", "key", "says"),
    [
        (Algorithm.ES256, P384, "ES256 needs an elliptic curve key on P-256; "),
        (Algorithm.ES384, P256, "holds an elliptic curve key on P-256"),
        (Algorithm.ES512, ec.generate_private_key(ec.SECP256K1()), "on secp256k1"),
        (Algorithm.ES512, RSA, "holds an RSA key of 2048 bits"),
        (Algorithm.PS384, P256, "PS384 needs an RSA key"),
        (Algorithm.EdDSA, RSA, "EdDSA needs an Ed25519 key"),
    ],
)
def test_a_private_key_must_fit_the_algorithm(algorithm: Algorithm, key: PrivateKey, says: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem(key))
    assert says in refusal(Jwt(private_key="key.pem", algorithm=algorithm), tmp_path).message


@pytest.mark.parametrize(
    ("make", "says"), [(lambda _path: None, "No such file"), (lambda path: path.mkdir(), "Is a directory")]
)
def test_a_key_file_that_cannot_be_read(make: Callable[[Path], None], says: str, tmp_path: Path) -> None:
    make(tmp_path / "key.pem")
    assert says in refusal(Jwt(private_key="key.pem", algorithm=Algorithm.RS256), tmp_path).message


def test_a_key_shows_nothing_of_itself() -> None:
    assert repr(signing_key(Jwt(secret=SECRET), Path())) == "SigningKey(HS256)"
