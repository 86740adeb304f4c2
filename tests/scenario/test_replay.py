"""A replay of a few exchanges is a scenario of its own: complete, without secrets, and read as it was written."""

from pathlib import Path

import yaml

from loadcheck.scenario.phase import Planned
from loadcheck.scenario.replay import Replay, replay_yaml
from tests.scenario.files import loaded

TEXT = """\
name: whole
target:
  url: http://u:SECRET-1@localhost:3000
  database: ${DSN}
  jwt: {secret: "${KEY}", ttl: 1m}
  headers: {apikey: SECRET-2}
  timeout: 3s
stack: {sql: [a.sql], postgrest: {jwt-secret: SECRET-4, db-pool: 3}}
identities:
  - {name: keeper, weight: 80, count: 500, claims: {user_type: "t-{n}"}}
  - {name: nobody, weight: 0}
  - {name: others, count: 9, claims: {user_type: "o-{n}"}}
requests:
  - {name: list, weight: 70, get: /pets, headers: {X-Token: SECRET-5}, expect: {rows: "SELECT '$${' AS a"}}
  - {name: one, get: "/pets?id=eq.{id}", vars: {id: {int: [1, 9]}}, as: [keeper, others], expect: {status: 200}}
load: [{name: long, concurrency: 3, duration: 1h}]
thresholds: {p99: 1ms}
"""


def replay(folder: Path) -> str:
    (folder / "a.sql").write_text("SELECT 1;")
    scenario = loaded(folder, TEXT, DSN="postgres://a:SECRET-3@b/c", KEY="SECRET-6" * 4).scenario
    exchanges = (Planned(identity="keeper#7", request="list"), Planned(identity="nobody", request="list"))
    return replay_yaml(scenario, Replay("short", "why", folder.absolute(), exchanges, 2, 5, {"keeper": 7}))


def test_it_is_a_scenario_that_runs_from_anywhere(tmp_path: Path) -> None:
    text = replay(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    again = loaded(tmp_path / "elsewhere", text, LOADCHECK_JWT_SECRET="k" * 32)
    scenario = again.scenario
    assert again.folder == tmp_path
    assert [(mix.name, mix.count, mix.weight) for mix in scenario.identities] == [
        ("keeper", 7, 1),
        ("nobody", 1, 1),
        ("others", 9, 0),
    ]
    assert scenario.requests[0].expect.rows == "SELECT '${' AS a"
    assert [request.name for request in scenario.requests] == ["list"]
    (phase,) = scenario.load
    assert (phase.concurrency, phase.budget) == (2, 10)
    assert [one.identity for one in phase.exchanges] == ["keeper#7", "nobody"]
    assert scenario.target.timeout == 3
    assert scenario.stack.postgrest == {"db-pool": 3}
    assert scenario.thresholds.p99 is None


def test_what_is_secret_is_left_to_variables(tmp_path: Path) -> None:
    text = replay(tmp_path)
    assert "SECRET-" not in text
    data = yaml.safe_load(text)
    assert data["target"]["headers"] == {"apikey": "${APIKEY:-}"}
    assert data["requests"][0]["headers"] == {"X-Token": "${X_TOKEN:-}"}
    scenario = loaded(tmp_path, text, APIKEY="a", X_TOKEN="b", LOADCHECK_URL="http://x:1").scenario
    assert scenario.target.headers["apikey"].get_secret_value() == "a"
    assert scenario.requests[0].headers == {"X-Token": "b"}
    assert scenario.target.url == "http://x:1"
