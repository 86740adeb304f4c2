"""A run that lasts longer than its tokens."""

from pathlib import Path

import jwt
import pytest
from pydantic import SecretStr

from loadcheck.clock import Clock, SystemClock
from loadcheck.engine.events import Answer
from loadcheck.engine.messages import Message
from loadcheck.engine.transport import AwaitedTransport, Transport
from loadcheck.engine.transports import transport_to
from loadcheck.run import parts
from loadcheck.run.interruption import Interruption
from loadcheck.run.run import Run, RunOptions
from loadcheck.scenario.load import load
from loadcheck.scenario.target import Target
from loadcheck.stack.stack import EmbeddedStack
from tests.run.test_run import SCENARIO, Told


class Tokens(AwaitedTransport):
    """Passes messages on, and remembers how long each identity's tokens were valid."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.used: dict[str, set[int]] = {}

    async def send(self, message: Message) -> Answer:
        scheme, _, token = message.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer":
            claims = jwt.decode(token, options={"verify_signature": False})
            self.used.setdefault(claims["user_type"], set()).add(claims["exp"])
        return await self._transport.send(message)

    async def close(self) -> None:
        await self._transport.close()


async def test_every_identity_gets_a_new_token_before_its_old_one_expires(
    pets_stack: EmbeddedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgREST forgives 30 s, so that its answers alone would not show it."""
    watched: list[Tokens] = []

    def watching(target: Target, clock: Clock) -> Tokens:
        watched.append(Tokens(transport_to(target, clock)))
        return watched[-1]

    monkeypatch.setattr(parts, "transport_to", watching)
    path = tmp_path / "scenario.yaml"
    path.write_text(f"{SCENARIO}\nload: [{{name: long, concurrency: 2, duration: 5s}}]")
    short = pets_stack.jwt.model_copy(update={"ttl": 2.0})
    target = Target(url=pets_stack.url, database=SecretStr(pets_stack.database), jwt=short)
    options = RunOptions(seed=1, out=tmp_path / "run")
    ended = await Run(load(path).aimed_at(target), options, Told(), Interruption(), SystemClock()).run()
    assert ended.summary["exit_code"] == 0
    (tokens,) = watched
    assert min(len(ends) for ends in tokens.used.values()) > 1
    assert len(tokens.used) == 8
