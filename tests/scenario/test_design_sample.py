from pathlib import Path

import jsonschema
import yaml

from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.load import load
from loadcheck.scenario.request import Choice, IntRange
from loadcheck.scenario.schema import json_schema
from loadcheck.scenario.stack import PgBouncer
from tests.scenario.files import loaded

SAMPLE = """\
name: pets
description: Every request reaches PostgreSQL as role_readwrite; the policy reads user_type from the claims.

target:                                # what is tested. ${VAR} and ${VAR:-default} work in every string
  url: ${LOADCHECK_URL:-}              # empty: the embedded stack below is started instead
  database: ${LOADCHECK_DATABASE:-}    # the oracle's DSN: direct or pooled, a role that row security does not bind
  jwt: {secret: "${LOADCHECK_JWT_SECRET:-}", algorithm: HS256, ttl: 10m}   # or secret_base64:, or private_key: file.pem
  headers: {apikey: abc}               # added to every request
  timeout: 10s

stack:
  sql: [pets.sql]                      # run as `owner`, in order, relative to this file
  owner: role_admin                    # owns the tables; the oracle logs in as it
  role: role_readwrite                 # the single role: PostgREST logs in as it and every transaction runs as it
  pooler: {mode: transaction, size: 4} # PgBouncer, with any of its settings; or `none`; or another one:
                                       #   {run: "my-pooler --port {port} --upstream {database}"}
  postgrest: {db-pool: 20}             # any PostgREST setting, passed on as it is
  gateway: {run: "my-proxy --port {port} --upstream {url} --database {pooled_database}"}  # optional: requests go to it

identities:
  - name: keeper                       # claim mix: {n} runs 1..count
    weight: 80
    count: 500
    claims: {role: role_readwrite, user_type: "tenant-{n}"}
  - name: listed                       # identities read from the database; columns are variables
    from: SELECT DISTINCT keeper FROM pets
    claims: {role: role_readwrite, user_type: "{keeper}"}
  - name: no-claim
    weight: 10
    claims: {role: role_readwrite}
  - name: expired
    weight: 2
    token: expired                     # valid | expired | not-yet-valid | wrong-key | unsigned | malformed | missing
    claims: {role: role_readwrite, user_type: tenant-1}
    expect: {status: 401}              # for this identity, in place of the request's own

requests:
  - name: list
    weight: 70
    get: /pets?select=id,name,keeper&order=id       # or post: patch: put: delete: head:
    expect:
      rows: SELECT id, name, keeper FROM pets WHERE keeper = :user_type ORDER BY id
  - name: one
    get: /pets?id=eq.{id}&select=id,name
    vars: {id: {int: [1, 10000]}}                   # drawn per exchange from the run's seed; also {choice: [..]}, uuid
    expect:
      rows: SELECT id, name FROM pets WHERE id = :id::int AND keeper = :user_type
  - name: policy says
    get: /pets?select=id&order=id
    as: [keeper]                                    # only these identities
    expect:
      rows_as_identity: SELECT id FROM pets ORDER BY id   # no WHERE: run as the identity, alone, on a fresh backend
  - name: add
    post: /pets
    headers: {Prefer: return=minimal}
    body: {id: "{id}", name: "{key}", keeper: "{user_type}"}
    vars: {id: {int: [100000, 900000]}, key: uuid}
    expect: {status: 201}

load:                                  # phases, in order
  - {name: warm-up, concurrency: 1, duration: 3s, measure: false}
  - {name: steady, concurrency: 32, duration: 30s}            # closed loop; `requests: 5000` may replace duration
  - {name: peak, rate: 400/s, ramp_to: 800/s, duration: 30s, arrivals: poisson, max_in_flight: 256}   # open loop

thresholds: {p99: 250ms, error_rate: 0.1%, throughput: 200/s, handoffs: 1000, checked: 5000}
"""
FAULTS = """
faults:
  - {do: terminate-backends, every: 10s}
"""
SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_the_sample_of_the_design_means_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "pets.sql").write_text("SELECT 1;")
    scenario = loaded(tmp_path, SAMPLE).scenario
    keeper, listed, no_claim, expired = scenario.identities
    rows, one, policy, add = scenario.requests
    warm_up, steady, peak = scenario.load
    assert scenario.target.url == ""
    assert not scenario.target.jwt.given
    assert (scenario.target.jwt.ttl, scenario.target.timeout) == (600, 10)
    assert scenario.target.headers["apikey"].get_secret_value() == "abc"
    assert scenario.stack.pooler == PgBouncer(mode="transaction", size=4)
    assert scenario.stack.postgrest == {"db-pool": 20}
    assert (keeper.weight, keeper.count, keeper.claims["user_type"]) == (80, 500, "tenant-{n}")
    assert listed.from_ == "SELECT DISTINCT keeper FROM pets"
    assert (no_claim.count, no_claim.token, no_claim.weight) == (1, TokenKind.VALID, 10)
    assert (expired.token, expired.expect and expired.expect.statuses) == (TokenKind.EXPIRED, (401,))
    assert (rows.method, rows.path, rows.order) == ("GET", "/pets?select=id,name,keeper&order=id", ("id",))
    assert one.vars == {"id": IntRange(int_=(1, 10_000))}
    assert (policy.as_, policy.expect.rows_as_identity) == (["keeper"], "SELECT id FROM pets ORDER BY id")
    assert add.body == {"id": "{id}", "name": "{key}", "keeper": "{user_type}"}
    assert (warm_up.measure, steady.concurrency, steady.duration) == (False, 32, 30)
    assert (peak.rate, peak.ramp_to, peak.arrivals, peak.max_in_flight) == (400, 800, "poisson", 256)
    assert (scenario.thresholds.p99, scenario.thresholds.error_rate, scenario.thresholds.throughput) == (
        0.25,
        0.001,
        200,
    )


def test_the_fault_of_the_sample_means_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "pets.sql").write_text("SELECT 1;")
    (fault,) = loaded(tmp_path, SAMPLE + FAULTS).scenario.faults
    assert (fault.do, fault.at, fault.every, fault.for_, fault.share) == ("terminate-backends", None, 10, None, None)


def test_the_other_forms_of_the_sample(tmp_path: Path) -> None:
    (tmp_path / "pets.sql").write_text("SELECT 1;")
    run = '{run: "my-pooler --port {port} --upstream {database}"}'
    text = SAMPLE.replace("{mode: transaction, size: 4}", run).replace("key: uuid", "key: {choice: [a, 2, true, 1.5]}")
    scenario = loaded(tmp_path, text).scenario
    assert scenario.requests[3].vars["key"] == Choice(choice=["a", 2, True, 1.5])
    assert loaded(tmp_path, SAMPLE, {"stack.pooler": "none"}).scenario.stack.pooler == "none"


def test_the_schema_takes_the_sample() -> None:
    jsonschema.Draft7Validator(json_schema()).validate(yaml.safe_load(SAMPLE + FAULTS))


def test_every_scenario_of_the_repository_loads_and_names_its_schema() -> None:
    scenarios = [path for path in SCENARIOS.rglob("*.yaml") if path.name != "expected.yaml"]
    assert scenarios
    for path in scenarios:
        first, _, rest = path.read_text(encoding="utf-8").partition("\n")
        schema = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / schema).resolve() == SCENARIOS / "loadcheck.schema.json", path
        jsonschema.Draft7Validator(json_schema()).validate(yaml.safe_load(rest))
        load(path, environ={})
