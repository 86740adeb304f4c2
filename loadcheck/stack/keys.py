"""The key of a stack's tokens: the scenario's own, or a random one made for this stack."""

import secrets
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from loadcheck.identity.keys import fresh_key
from loadcheck.scenario.target import Jwt
from loadcheck.stack.account import private_file

_SECRET_BYTES: Final = 64  # enough for HS512


def with_key(jwt: Jwt, folder: Path) -> Jwt:
    """Return `jwt` with a key: its own, or else a random secret, or a new private key in `folder`."""
    if jwt.given:
        return jwt
    if jwt.algorithm.symmetric:
        return jwt.model_copy(update={"secret": SecretStr(secrets.token_urlsafe(_SECRET_BYTES))})
    pem = fresh_key(jwt.algorithm).pem().decode()
    return jwt.model_copy(update={"private_key": str(private_file(folder / "jwt.pem", pem, None))})


def renewed(jwt: Jwt, folder: Path) -> Jwt:
    """Return `jwt` with a new key of the same kind; a private key replaces the one that was made in `folder`."""
    empty = {"secret": SecretStr(""), "secret_base64": SecretStr(""), "private_key": ""}
    return with_key(jwt.model_copy(update=empty), folder)
