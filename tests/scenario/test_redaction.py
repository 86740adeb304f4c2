from pathlib import Path

import yaml

from loadcheck.scenario.model import Scenario
from tests.scenario.files import MINIMAL, loaded

TEXT = (
    MINIMAL.replace("get: /pets,", "get: /pets, headers: {apikey: SECRET-1, Prefer: x},")
    + """\
target:
  url: http://u:SECRET-2@localhost:3000/x
  database: ${DSN}
  jwt: {secret: "${KEY}", ttl: 1m}
  headers: {X-Any: SECRET-5}
stack:
  postgrest: {jwt-secret: SECRET-6, db-pool: 3, openapi-server-proxy-uri: SECRET-7}
  gateway: {run: "gate --port {port} --to http://a:SECRET-8@b/"}
"""
)


def test_nothing_secret_is_kept_or_shown(tmp_path: Path) -> None:
    one = loaded(tmp_path, TEXT, DSN="postgres://a:SECRET-3@b/c", KEY="SECRET-4" * 4)
    assert "SECRET" not in one.resolved
    assert not [secret for secret in ("SECRET-3", "SECRET-4", "SECRET-5") if secret in repr(one)]
    assert "${" not in one.resolved


def test_what_is_kept_is_a_scenario_again(tmp_path: Path) -> None:
    one = loaded(tmp_path, TEXT, {"identities.keeper.count": "9"}, DSN="x", KEY="y" * 32)
    again = Scenario.model_validate(yaml.safe_load(one.resolved))
    assert again.identities == one.scenario.identities
    assert again.identities[0].count == 9
    assert again.target.url == "http://localhost:3000/x"
    assert again.target.jwt.ttl == 60
    assert again.requests[0].headers == {"apikey": "[redacted]", "Prefer": "x"}
    assert again.stack.postgrest["db-pool"] == 3
