"""What a scenario says about its writes, and what is wrong with it."""

from pathlib import Path

import pytest

from loadcheck.scenario.writes import Does
from tests.scenario.files import loaded, told

TABLES = """\
  entries: {mark: note, owner: {tenant: "{tenant}"}, key: slot}
  log: {mark: note, owner: {tenant: "{tenant}"}}
"""


def scenario(request: str, tables: str = TABLES) -> str:
    return f"""\
name: writing
tables:
{tables}identities:
  - {{name: tenant, count: 4, claims: {{role: r, tenant: "t{{n}}"}}}}
requests:
  - {{name: r, vars: {{slot: {{int: [1, 5]}}}}, {request}}}
"""


@pytest.mark.parametrize(
    ("request_", "does"),
    [
        ("post: /e, writes: {table: log}", Does.INSERT),
        ("post: /e, headers: {prefer: 'resolution=merge-duplicates'}, writes: {table: entries, row: a}", Does.UPSERT),
        ("post: /e, headers: {Prefer: 'resolution=ignore-duplicates'}, writes: {table: entries, row: a}", Does.IGNORE),
        ("put: '/e?slot=eq.1', writes: {table: entries, row: '1'}", Does.UPSERT),
        ("patch: '/e?slot=eq.{slot}', writes: {table: entries, row: '{slot}'}", Does.UPDATE),
        ("delete: /e?select=slot, writes: {table: log}", Does.DELETE),
        ("post: /rpc/f, writes: {table: entries, row: '{slot}', does: update}", Does.UPDATE),
    ],
)
def test_what_a_request_does(tmp_path: Path, request_: str, does: Does) -> None:
    body = "" if does is Does.DELETE else "body: {note: '{mark}'}, "
    read = loaded(tmp_path, scenario(f"{body}{request_}, expect: {{status: 201}}"))
    assert read.scenario.requests[0].does is does


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        ("writes: {table: entires, row: a}, post: /e, body: '{mark}'", "`entires` is none of the tables"),
        ("writes: {table: entries}, post: /e, body: '{mark}'", "which row does it write?"),
        ("writes: {table: entries, row: a}, post: /e, body: 1", "the request does not send its {mark}"),
        ("writes: {table: log, row: a}, post: /e, body: '{mark}'", "the table has no `key` to find a row by"),
        ("writes: {table: log}, patch: /e, body: '{mark}'", "rows without a key cannot be followed through an update"),
        ("writes: {table: entries}, delete: '/e?slot=eq.1'", "the path chooses rows, and nothing says which"),
        ("writes: {table: entries, row: '{slt}'}, delete: /e", "{slt} is neither a claim nor a variable here"),
        ("writes: {table: entries}, post: /rpc/f, body: '{mark}'", "nobody knows what a function does"),
        ("writes: {table: entries}, get: /e", "GET writes nothing"),
        ("post: /e, body: '{mark}'", "{mark} is neither a claim nor a variable here"),
    ],
)
def test_mistakes_in_a_write(tmp_path: Path, request_: str, problem: str) -> None:
    text = scenario(f"{request_}, expect: {{status: 201}}")
    assert any(problem in one for one in told(tmp_path, text)), told(tmp_path, text)


def test_mistakes_in_what_is_read(tmp_path: Path) -> None:
    text = scenario("get: /e, expect: {written: {table: logs, row: '{no}'}}")
    assert [one.partition(": ")[2].partition("\n")[0] for one in told(tmp_path, text)] == [
        "`logs` is none of the tables",
        "{no} is neither a claim nor a variable here",
    ]


def test_an_owner_that_nobody_is(tmp_path: Path) -> None:
    tables = '  log: {mark: note, owner: {tenant: "{tennant}"}}\n'
    (problem,) = told(tmp_path, scenario("get: /e, expect: {written: {table: log}}", tables))
    assert "{tennant} is neither a claim nor a variable here\n    did you mean `tenant`?" in problem
