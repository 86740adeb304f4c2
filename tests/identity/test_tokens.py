import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest

from loadcheck.errors import UsageProblem
from loadcheck.identity.keys import fresh_key
from loadcheck.identity.population import Identity
from loadcheck.identity.tokens import FAR_S, Mint
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.target import Algorithm, Jwt
from tests.identity.hand_clock import HandClock

SECRET = "correct horse battery staple, twice over"
CLAIMS = {"role": "role_readwrite", "user_type": "tenant-1", "nested": {"ü": [1, None, True]}}


def identity(kind: TokenKind, claims: Mapping[str, Any] = CLAIMS) -> Identity:
    return Identity(0, 0, kind.value, claims, {}, kind)


def mint_for(algorithm: Algorithm, folder: Path) -> Mint:
    clock = HandClock(wall=time.time())
    if algorithm.symmetric:
        return Mint(Jwt(secret=SECRET * 2, algorithm=algorithm), folder, clock)
    (folder / "key.pem").write_bytes(fresh_key(algorithm).pem())
    return Mint(Jwt(private_key="key.pem", algorithm=algorithm), folder, clock)


def verify(mint: Mint, token: str, leeway: int = 30) -> dict[str, Any]:
    """Decode as a verifier does, with all its checks and, unless told, PostgREST's leeway."""
    algorithm = mint.key.algorithm.value
    decoded: dict[str, Any] = pyjwt.decode(token, pyjwt.PyJWK(mint.key.public_jwk()), [algorithm], leeway=leeway)
    return decoded


def signed(mint: Mint, header: str, payload: str) -> str:
    signature = base64.urlsafe_b64encode(mint.key.sign(f"{header}.{payload}".encode())).rstrip(b"=").decode()
    return f"{header}.{payload}.{signature}"


def made(mint: Mint, kind: TokenKind) -> str:
    token = mint.token(identity(kind))
    assert token is not None
    return token


def without_times(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in {"iat", "exp", "nbf"}}


@pytest.fixture(params=Algorithm, ids=str)
def mint(request: pytest.FixtureRequest, tmp_path: Path) -> Mint:
    return mint_for(request.param, tmp_path)


def test_a_valid_token_carries_the_claims_and_its_times(mint: Mint) -> None:
    payload = verify(mint, made(mint, TokenKind.VALID), leeway=0)
    assert without_times(payload) == CLAIMS
    assert payload["exp"] - payload["iat"] == 600
    assert abs(payload["iat"] - time.time()) < 30


def test_expired_is_wrong_in_its_time_only(mint: Mint) -> None:
    token = made(mint, TokenKind.EXPIRED)
    with pytest.raises(pyjwt.ExpiredSignatureError):
        verify(mint, token)
    assert without_times(verify(mint, token, leeway=FAR_S + 60)) == CLAIMS


def test_not_yet_valid_is_wrong_in_its_time_only(mint: Mint) -> None:
    token = made(mint, TokenKind.NOT_YET_VALID)
    with pytest.raises(pyjwt.ImmatureSignatureError, match="nbf"):
        verify(mint, token)
    assert without_times(verify(mint, token, leeway=FAR_S + 60)) == CLAIMS


def test_wrong_key_is_wrong_in_its_signature_only(mint: Mint) -> None:
    token = made(mint, TokenKind.WRONG_KEY)
    with pytest.raises(pyjwt.InvalidSignatureError):
        verify(mint, token)
    header, payload, signature = token.split(".")
    mended = signed(mint, header, payload)
    assert without_times(verify(mint, mended)) == CLAIMS
    assert len(mended) == len(f"{header}.{payload}.{signature}")


def test_unsigned_lacks_its_signature_only(mint: Mint) -> None:
    token = made(mint, TokenKind.UNSIGNED)
    with pytest.raises(pyjwt.InvalidAlgorithmError):
        verify(mint, token)
    assert pyjwt.get_unverified_header(token) == {"alg": "none", "typ": "JWT"}
    _, payload, signature = token.split(".")
    assert signature == ""
    header = made(mint, TokenKind.VALID).split(".")[0]
    assert without_times(verify(mint, signed(mint, header, payload))) == CLAIMS


def test_malformed_lacks_its_payload_only(mint: Mint) -> None:
    token = made(mint, TokenKind.MALFORMED)
    with pytest.raises(pyjwt.DecodeError, match="Not enough segments"):
        verify(mint, token)
    header, signature = token.split(".")
    _, payload, _ = made(mint, TokenKind.VALID).split(".")  # the clock stands, so it is the same payload
    assert without_times(verify(mint, f"{header}.{payload}.{signature}")) == CLAIMS


def test_missing_is_no_token(mint: Mint) -> None:
    assert mint.token(identity(TokenKind.MISSING)) is None


def test_the_target_s_clock_can_be_ahead(tmp_path: Path) -> None:
    mint = mint_for(Algorithm.HS256, tmp_path)
    mint.offset = 7200
    token = made(mint, TokenKind.VALID)
    with pytest.raises(pyjwt.ImmatureSignatureError):
        verify(mint, token)
    assert verify(mint, token, leeway=7260)["iat"] > time.time() + 7000


def test_a_claim_of_the_scenario_s_own_wins_unless_the_kind_forbids_it(tmp_path: Path) -> None:
    mint = mint_for(Algorithm.HS256, tmp_path)
    claims = {"exp": 4_000_000_000, "iat": 1}
    valid, expired = (mint.token(identity(kind, claims)) for kind in (TokenKind.VALID, TokenKind.EXPIRED))
    assert verify(mint, valid or "") == claims
    with pytest.raises(pyjwt.ExpiredSignatureError):
        verify(mint, expired or "")


def test_claims_beyond_ascii_and_beyond_64_bits(tmp_path: Path) -> None:
    mint = mint_for(Algorithm.HS256, tmp_path)
    claims = {"name": "Πέτρος\n\"'", "big": 2**70, "surrogate": "\ud83d", "empty": {}}
    token = mint.token(identity(TokenKind.VALID, claims))
    _, payload, _ = (token or "").split(".")
    decoded = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert without_times(decoded) == claims


def test_without_a_key_there_is_no_mint(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="no key"):
        Mint(Jwt(), tmp_path, HandClock())


def test_nothing_secret_in_reprs(tmp_path: Path) -> None:
    mint = mint_for(Algorithm.HS256, tmp_path)
    assert repr(mint) == "Mint(SigningKey(HS256))"
