"""The target: where requests go, how tokens for it are signed, and where the right answers are read."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from loadcheck.scenario.base import Strict
from loadcheck.scenario.units import Duration, Size


class Algorithm(StrEnum):
    """JWT signature algorithms (RFC 7518 and RFC 8037)."""

    HS256 = "HS256"
    HS384 = "HS384"
    HS512 = "HS512"
    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EdDSA = "EdDSA"

    @property
    def symmetric(self) -> bool:
        """Whether one shared secret both signs and verifies."""
        return self.startswith("HS")


class Jwt(Strict):
    """How tokens are signed. At most one of the three keys is given; none: the embedded stack makes one."""

    secret: SecretStr = SecretStr("")
    """The secret that HS* signs with, as PostgREST's jwt-secret has it."""
    secret_base64: SecretStr = SecretStr("")
    """The same in base64, as with PostgREST's jwt-secret-is-base64."""
    private_key: str = ""
    """A PEM file, relative to the scenario."""
    algorithm: Algorithm = Algorithm.HS256
    """What tokens are signed with."""
    ttl: Duration = Field(600.0, ge=2)
    """For how long a token is valid; it is signed again before that."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        secrets = [bool(self.secret.get_secret_value()), bool(self.secret_base64.get_secret_value())]
        if sum(secrets) + bool(self.private_key) > 1:
            raise ValueError("give one of secret, secret_base64 and private_key")
        if any(secrets) and not self.algorithm.symmetric:
            raise ValueError(f"{self.algorithm} signs with a private_key, not with a secret")
        if self.private_key and self.algorithm.symmetric:
            raise ValueError(f"{self.algorithm} signs with a secret, not with a private_key")
        return self

    @property
    def given(self) -> bool:
        """Whether the scenario brings a key."""
        return bool(self.secret.get_secret_value() or self.secret_base64.get_secret_value() or self.private_key)


class Target(Strict):
    """The PostgREST, or the gateway before it, that is tested. With no url the embedded stack stands in."""

    url: str = Field("", pattern=r"^(https?://\S+)?$")
    """Where PostgREST or the gateway answers; empty: the embedded stack is started instead."""
    database: SecretStr = SecretStr("")
    """The oracle's DSN, direct or pooled: a role that row security does not bind."""
    jwt: Jwt = Jwt()
    """How tokens are signed."""
    headers: dict[str, SecretStr] = {}
    """Added to every request."""
    timeout: Duration = Field(10.0, gt=0)
    """An exchange that takes longer is given up."""
    max_answer: Size = Field(64 * 10**6, gt=0)
    """A longer answer is cut off and judged unknown."""
    transport: Literal["wire", "aiohttp"] = "wire"
    """What requests travel through: loadcheck's own HTTP/1.1, or aiohttp's."""
    proxy: str = Field("", pattern=r"^(https?://\S+)?$")
    """An HTTP proxy to go through, by aiohttp; empty: none, whatever the environment says."""
