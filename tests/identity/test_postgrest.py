"""What a real PostgREST says of the tokens: one server that knows a key of each algorithm."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from loadcheck.clock import SystemClock
from loadcheck.identity.keys import fresh_key
from loadcheck.identity.population import Identity
from loadcheck.identity.tokens import Mint
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.target import Algorithm, Jwt
from loadcheck.stack.construction import embedded

SECRET = "correct horse battery staple, twice over, and then once more for HS512"
BROKEN = [kind for kind in TokenKind if kind not in {TokenKind.VALID, TokenKind.MISSING}]


@dataclass(frozen=True)
class Server:
    url: str
    mints: dict[Algorithm, Mint]
    session: aiohttp.ClientSession

    async def answer(self, algorithm: Algorithm, kind: TokenKind) -> tuple[int, str]:
        """Return the status, and the code of an error."""
        token = self.mints[algorithm].token(Identity(0, 0, "x", {"role": "role_readwrite"}, {}, kind))
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self.session.get(self.url, headers=headers) as answer:
            body = await answer.json(content_type=None)
            return answer.status, "" if answer.ok else body["code"]


def mint_for(algorithm: Algorithm, folder: Path) -> Mint:
    if algorithm.symmetric:
        return Mint(Jwt(secret=SECRET, algorithm=algorithm), folder, SystemClock())
    (folder / f"{algorithm}.pem").write_bytes(fresh_key(algorithm).pem())
    return Mint(Jwt(private_key=f"{algorithm}.pem", algorithm=algorithm), folder, SystemClock())


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("keys")
    mints = {algorithm: mint_for(algorithm, folder) for algorithm in Algorithm}
    keys = {"keys": [mint.key.public_jwk() for mint in mints.values()]}
    (folder / "one.sql").write_text("create view one as select 1 as n; grant select on one to role_readwrite;")
    scenario = Scenario.model_validate(
        {
            "name": "keys",
            "stack": {"sql": ["one.sql"], "pooler": "none", "postgrest": {"jwt-secret": json.dumps(keys)}},
            "identities": [{"name": "x"}],
            "requests": [{"name": "one", "get": "/one", "expect": {"status": 200}}],
        }
    )
    async with embedded(scenario, folder) as stack, aiohttp.ClientSession() as session:
        yield Server(f"{stack.url}/one", mints, session)


@pytest.mark.parametrize("algorithm", Algorithm)
async def test_a_valid_token_of_every_algorithm_is_accepted(server: Server, algorithm: Algorithm) -> None:
    assert await server.answer(algorithm, TokenKind.VALID) == (200, "")


@pytest.mark.parametrize("kind", BROKEN, ids=str)
@pytest.mark.parametrize("algorithm", Algorithm)
async def test_a_broken_token_is_refused(server: Server, algorithm: Algorithm, kind: TokenKind) -> None:
    status, code = await server.answer(algorithm, kind)
    assert status == 401
    assert code.startswith("PGRST30")


async def test_no_token_is_refused(server: Server) -> None:
    assert await server.answer(Algorithm.HS256, TokenKind.MISSING) == (401, "PGRST302")
