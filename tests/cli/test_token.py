from pathlib import Path

import jwt as pyjwt
import pytest

from loadcheck.errors import ExitCode
from loadcheck.identity.keys import fresh_key
from loadcheck.scenario.target import Algorithm
from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import Ended, loadcheck

SECRET = "correct horse battery staple, twice over"
SCENARIO = """
name: s
target: {jwt: {KEY}}
identities:
  - {name: keeper, count: 20, claims: {role: role_readwrite, user_type: "tenant-{n}"}}
  - {name: listed, from: SELECT DISTINCT keeper FROM pets ORDER BY keeper, claims: {user_type: "{keeper}"}}
  - {name: no-claim, claims: {role: role_readwrite}}
  - {name: late, token: expired}
  - {name: silent, token: missing}
requests:
  - {name: list, get: /pets, expect: {rows: []}}
"""


def token(folder: Path, *arguments: str, key: str = "", environment: str = "") -> Ended:
    (folder / "s.yaml").write_text(SCENARIO.replace("KEY", key))
    return loadcheck("token", "s.yaml", *arguments, cwd=folder, LOADCHECK_JWT_SECRET=environment)


def test_it_prints_the_token_and_nothing_else(tmp_path: Path) -> None:
    done = token(tmp_path, "keeper#17", key=f"secret: '{SECRET}'")
    assert (done.code, done.err, done.out.count("\n")) == (ExitCode.PASS, "", 1)
    claims = pyjwt.decode(done.out.strip(), SECRET, ["HS256"])
    assert (claims["role"], claims["user_type"]) == ("role_readwrite", "tenant-17")


def test_the_kind_of_the_identity_counts(tmp_path: Path) -> None:
    done = token(tmp_path, "late", key=f"secret: '{SECRET}'")
    with pytest.raises(pyjwt.ExpiredSignatureError):
        pyjwt.decode(done.out.strip(), SECRET, ["HS256"])


def test_the_option_wins_over_the_scenario_and_this_over_the_environment(tmp_path: Path) -> None:
    other, third = "another " * 5, "the third " * 4
    option = token(tmp_path, "no-claim", "--jwt-secret", other, key=f"secret: '{SECRET}'", environment=third)
    scenario = token(tmp_path, "no-claim", key=f"secret: '{SECRET}'", environment=third)
    neither = token(tmp_path, "no-claim", environment=third)
    for done, secret in ((option, other), (scenario, SECRET), (neither, third)):
        assert pyjwt.decode(done.out.strip(), secret, ["HS256"])["role"] == "role_readwrite"


def test_a_private_key_beside_the_scenario(tmp_path: Path) -> None:
    key = fresh_key(Algorithm.ES256)
    (tmp_path / "key.pem").write_bytes(key.pem())
    done = token(tmp_path, "no-claim", key="private_key: key.pem, algorithm: ES256")
    assert pyjwt.decode(done.out.strip(), pyjwt.PyJWK(key.public_jwk()), ["ES256"])


@pytest.mark.parametrize(
    ("label", "key", "says"),
    [
        ("keper#1", f"secret: '{SECRET}'", ["no identity is called 'keper#1'", "Did you mean 'keeper'?"]),
        ("keeper", f"secret: '{SECRET}'", ["keeper#1 to keeper#20"]),
        ("keeper#21", f"secret: '{SECRET}'", ["keeper#1 to keeper#20"]),
        ("silent", f"secret: '{SECRET}'", ["silent has no token", "Authorization"]),
        ("listed#1", f"secret: '{SECRET}'", ["--database", "LOADCHECK_DATABASE"]),
        ("no-claim", "", ["no key", "--jwt-secret"]),
        ("no-claim", "secret: short", ["5 bytes"]),
        ("no-claim", "private_key: none.pem, algorithm: RS256", ["none.pem"]),
    ],
)
def test_what_cannot_be_is_one_message(tmp_path: Path, label: str, key: str, says: list[str]) -> None:
    done = token(tmp_path, label, key=key)
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert all(words in done.err for words in says)
    assert "Traceback" not in done.err
    assert SECRET not in done.err


async def test_identities_that_are_read_from_the_database(tmp_path: Path, pets_stack: EmbeddedStack) -> None:
    done = token(tmp_path, "listed#1", "--database", pets_stack.database, "--jwt-secret", SECRET)
    assert done.err == ""
    assert pyjwt.decode(done.out.strip(), SECRET, ["HS256"])["user_type"] == "tenant-1"
