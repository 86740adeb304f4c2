import os
from pathlib import Path

import pytest

from tests.scenario.files import MINIMAL, loaded, told

HEAD = """\
name: x
identities:
  - {name: a, count: 2, claims: {role: r, user: 'u{n}'}}
  - {name: b, claims: {extra: 1}}
"""
REQUESTS = "requests:\n  - {name: ok, get: /p, expect: {status: 200}}\n"


def of(folder: Path, text: str) -> list[str]:
    return [problem.removeprefix("scenario.yaml:") for problem in told(folder, text)]


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        ("get: '/p?a=eq.{usr}'", "5:36: {usr} is neither a claim nor a variable here\n    did you mean `user`?"),
        ("get: '/p', headers: {X: '{m}'}", "5:47: {m} is neither a claim nor a variable here\n    known here:"),
        ("post: '/p', body: [{a: '{zz}'}]", "5:46: {zz} is neither a claim nor a variable here\n    known here:"),
        ("get: '/p', body: 1", "5:39: GET has no body\n    leave it out, or is it a post?"),
        ("get: '/p', as: [A, c]", "5:38: no identity is called `A`\n    did you mean `a`?"),
        ("get: '/p', headers: {'a b': x}", "5:43: `a b` cannot be the name of a header"),
        (
            "get: /p, headers: {accept: text/csv}",
            "5:49: text/csv cannot be held against `rows`, JSON can\n    leave Accept out, or expect `status` and ",
        ),
        ('get: "/p\\nq"', "5:27: a path cannot hold a line break\n    put it into one line"),
        ('get: /p, headers: {a: "b\\r\\nc"}', "5:44: a header cannot hold a line break\n    put it into one line"),
    ],
)
def test_mistakes_in_a_request(tmp_path: Path, request_: str, problem: str) -> None:
    text = HEAD + f"requests: [{{name: q, {request_}, expect: {{status: 200, rows: []}}}}]\n"
    assert any(one.startswith(problem) for one in of(tmp_path, text)), of(tmp_path, text)


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        ("rows: SELECT :usr", ":usr is neither a claim nor a variable here\n    did you mean `user`?"),
        ("rows: 'SELECT $1'", "SQL: $1 binds nothing here\n    bind by name, such as :user_type"),
        ("rows: SELECT 1; SELECT 2", "SQL must be one statement"),
        ("rows: ''", "SQL is empty"),
        ("rows: '-- nothing'", "SQL is empty"),
        ("count: SELEC 1", 'SQL: syntax error at or near "SELEC"'),
        ("rows_as_identity: INSERT INTO p VALUES (1)", "SQL that does not read: only SELECT, VALUES and TABLE do"),
        (
            "rows: WITH x AS (DELETE FROM p RETURNING 1) SELECT 1",
            "SQL that writes: only SELECT, VALUES and TABLE may stand here",
        ),
        ("rows: SELECT 1 INTO x", "SQL that writes: SELECT INTO makes a table"),
        ("rows: SELECT 1 FOR UPDATE", "SQL that locks rows: leave FOR UPDATE or FOR SHARE out"),
        ("rows: EXPLAIN SELECT 1", "SQL that does not read: only SELECT, VALUES and TABLE do"),
        ('rows: "SELECT \'a"', 'SQL: unterminated quoted string at or near "\'a"'),
        ('rows: "SELECT 1\\0"', "SQL: a NUL character in SQL"),
        ("status: 99", "99 is not an HTTP status\n    they are 100 to 599"),
        ("status: [200, 600]", "600 is not an HTTP status\n    they are 100 to 599"),
        ("rows: [{a: '{usr}'}]", "{usr} is neither a claim nor a variable here\n    did you mean `user`?"),
        ("headers: {L: '/p/{usr}'}", "{usr} is neither a claim nor a variable here\n    did you mean `user`?"),
        ("json: ['{usr}']", "{usr} is neither a claim nor a variable here\n    did you mean `user`?"),
        (
            "{rows: SELECT id, user FROM p}",
            "unknown key `user FROM p`\n    within { } a comma ends a value: put a text that has one in quotes",
        ),
        ("{}", "expects nothing, so nothing would be checked: add rows, status or another"),
        ("rows:", "expects nothing, so nothing would be checked: add rows, status or another"),
    ],
)
def test_mistakes_in_an_expectation(tmp_path: Path, expect: str, problem: str) -> None:
    text = HEAD + f"requests:\n  - name: q\n    get: /p\n    expect:\n      {expect}\n"
    assert [one.partition(": ")[2] for one in told(tmp_path, text)] == [problem]


@pytest.mark.parametrize(
    "sql",
    [
        "TABLE p",
        "VALUES (1), (2)",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "(SELECT 1) UNION ALL SELECT 2;",
        "SELECT " + "1+" * 3_000 + "1",
        "SELECT :user, :claims ->> 'x', :n::int, a[1:2] FROM p WHERE x = ':no' -- :no",
    ],
)
def test_sql_that_reads_is_fine(tmp_path: Path, sql: str) -> None:
    loaded(tmp_path, HEAD + f"requests:\n  - name: q\n    get: /p\n    expect:\n      rows: |\n        {sql}\n")


def test_sql_too_long_for_the_parser_is_refused(tmp_path: Path) -> None:
    (problem,) = told(
        tmp_path, HEAD + f"requests:\n  - {{name: q, get: /p, expect: {{rows: 'SELECT {'1+' * 100_000}1'}}}}\n"
    )
    assert "SQL of more than 30,000 characters" in problem


def test_a_place_within_sql_is_found_in_every_style(tmp_path: Path) -> None:
    text = (
        HEAD
        + """\
requests:
  - name: literal
    get: /p
    expect:
      rows: |

        SELECT 'é', a
          FROM p WHERE é = :nobody
  - name: folded
    get: /p
    expect:
      rows: >-
        SELECT a
        FROM p FROM q
  - name: plain
    get: /p
    expect:
      rows: SELECT a
        FROM p
        WHERE FROM
  - {name: quoted, get: /p, expect: {rows: "SELECT a FROM FROM b", count: 'SELECT '' '' FROM FROM'}}
"""
    )
    assert [one.partition(": ")[0] for one in of(tmp_path, text)] == ["12:28", "18:16", "24:15", "25:59", "25:75"]


def test_the_place_of_sql_with_a_variable_in_it_is_its_beginning(tmp_path: Path) -> None:
    text = HEAD + "requests:\n  - {name: q, get: /p, expect: {rows: 'SELECT ${A} FROM FROM'}}\n"
    assert told(tmp_path, text, A="b") == ['scenario.yaml:6:39: SQL: syntax error at or near "FROM"']


def test_names_of_other_identities_and_requests_are_known_where_they_may_be(tmp_path: Path) -> None:
    text = (
        HEAD
        + """\
  - {name: c, from: "SELECT keeper, p.id, count(*), x::text AS y FROM p", claims: {k: "{keeper}{id}{count}{y}"}}
  - {name: d, from: SELECT * FROM p, claims: {k: "{anything}"}}
  - {name: e, expect: {rows: SELECT :v}}
requests:
  - {name: q, get: "/p?a=eq.{extra}&n={n}", expect: {rows: "SELECT :user, :extra, :anything"}}
  - {name: r, get: "/p?a=eq.{v}", vars: {v: uuid}, as: [e], expect: {rows: "SELECT :v, :claims"}}
  - {name: s, get: "/p?a=eq.{extra}", as: [b], expect: {status: 200}}
"""
    )
    loaded(tmp_path, text)
    wrong = text.replace("{name: s, get", "{name: t, as: [b], expect: {rows: SELECT :user}, get").replace(
        '{extra}", as: [b], expect: {status: 200}}', '{user}"}'
    )
    assert [one.partition("\n")[0] for one in of(tmp_path, wrong)] == [
        "11:46: :user is neither a claim nor a variable here",
        "11:68: {user} is neither a claim nor a variable here",
    ]


def test_columns_of_from_are_what_its_claims_may_name(tmp_path: Path) -> None:
    mix = "{name: a, from: SELECT keeper AS who FROM p, claims: {a: '{keeper}', b: '{who}', c: '{n}'}}"
    assert of(tmp_path, f"name: x\nidentities:\n  - {mix}\n{REQUESTS}") == [
        "3:63: {keeper} is neither a claim nor a variable here\n    known here: who",
        "3:90: {n} is neither a claim nor a variable here\n    known here: who",
    ]


def test_from_binds_nothing(tmp_path: Path) -> None:
    text = HEAD + "  - {name: c, from: 'SELECT :n'}\n" + REQUESTS
    assert of(tmp_path, text) == ["5:29: :n is neither a claim nor a variable here\n    nothing is known by name here"]


def test_things_without_effect(tmp_path: Path) -> None:
    text = """\
name: x
identities:
  - {name: a, weight: 0}
  - {name: b}
  - {name: a}
requests:
  - {name: q, get: /p, as: [c], expect: {status: 200}}
  - {name: q, get: /p, as: [a], expect: {status: 200}}
load:
  - {name: l, concurrency: 1, requests: 1, measure: false}
  - {name: l, concurrency: 1, requests: 1, measure: false}
"""
    assert [one.partition("\n")[0] for one in of(tmp_path, text)] == [
        "5:12: a second identity called `a`",
        "7:29: no identity is called `c`",
        "8:12: a second request called `q`",
        "9:1: no phase is measured, so a run would show nothing",
        "11:12: a second phase called `l`",
    ]


def test_nobody_to_send(tmp_path: Path) -> None:
    weightless = MINIMAL.replace("name: keeper", "name: keeper, weight: 0").replace(
        "name: list", "name: list, weight: 0"
    )
    assert [one.partition("\n")[0] for one in of(tmp_path, weightless)] == [
        "2:1: all weights are 0, so nothing would be sent",
        "4:1: all weights are 0, so nothing would be sent",
    ]
    lonely = HEAD.replace("name: a", "name: a, weight: 0") + REQUESTS
    assert of(tmp_path, lonely + "  - {name: q, get: /p, as: [a], expect: {status: 200}}\n") == [
        "7:24: no identity with a weight sends this request\n    give one a weight above 0"
    ]
    idle = HEAD + "requests:\n  - {name: q, get: /p, as: [a], expect: {status: 200}}\n"
    assert of(tmp_path, idle) == [
        "4:12: no request is sent by `b`\n    name it in the `as` of a request, or give it the weight 0"
    ]


def test_head_has_no_rows(tmp_path: Path) -> None:
    text = HEAD + "requests:\n  - {name: q, head: /p, expect: {rows: [], json: 1, count: 3, status: 200}}\n"
    assert [one.partition(" has")[0] for one in of(tmp_path, text)] == [
        "6:34: `rows`: the answer to HEAD",
        "6:44: `json`: the answer to HEAD",
    ]


def test_files_that_are_not_there_or_not_sql(tmp_path: Path) -> None:
    (tmp_path / "pets.sql").write_text("CREATE TABLE é (a int);\n\nSELECT FROM WHERE;\n", encoding="utf-8")
    (tmp_path / "psql.sql").write_text("\\c pets\n")
    (tmp_path / "latin.sql").write_bytes(b"SELECT '\xe9'")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "key.pem").write_text("")
    text = (
        MINIMAL
        + """\
target: {jwt: {algorithm: RS256, private_key: kye.pem}}
stack:
  sql: [pet.sql, pets.sql, psql.sql, latin.sql, folder, elsewhere/far.sql, pipe]
"""
    )
    *told_before, psql = told(tmp_path, text)
    assert psql.startswith('psql.sql:1:1: syntax error at or near "\\"\n    a line that begins with a backslash')
    assert told_before == [
        "scenario.yaml:6:47: no file kye.pem\n    did you mean `key.pem`?",
        "scenario.yaml:8:9: no file pet.sql\n    did you mean `pets.sql`?",
        "scenario.yaml:8:38: latin.sql is not UTF-8 at byte 8\n    save it as UTF-8",
        "scenario.yaml:8:49: folder is a folder\n    name the file in it",
        "scenario.yaml:8:57: no file elsewhere/far.sql\n    it is relative to the scenario's folder",
        "scenario.yaml:8:76: pipe is a pipe, not a file\n    save what it gives as a file, and name that",
        'pets.sql:3:13: syntax error at or near "WHERE"',
    ]


def test_a_private_key_does_not_stand_in_the_scenario(tmp_path: Path) -> None:
    text = MINIMAL + 'target: {jwt: {algorithm: RS256, private_key: "-----BEGIN PRIVATE KEY-----SECRET"}}\n'
    assert told(tmp_path, text) == [
        "scenario.yaml:6:47: a private key itself\n    put it into a file and name that here"
    ]


@pytest.mark.parametrize(
    ("stack", "problem"),
    [
        ("pooler: {run: 'p \"x --port {port}'}", "7:17: `run`: no closing quotation\n    it is split"),
        ("pooler: {run: 'p --port {prt} {port}'}", "7:27: {prt} is not known here\n    known here: {port} {database}"),
        ("gateway: {run: 'p --port {port} {upstream}'}", "7:35: {upstream} is not known here\n    known here: {port}"),
        ("gateway: {run: 'p'}", "7:18: `run` does not tell the program its port\n    put {port} where it belongs"),
        ("gateway: {run: '#'}", "7:18: `run` does not tell the program its port\n    put {port} where it belongs"),
        ("gateway: {run: ' '}", "7:18: `run` names no program"),
        ("gateway: {run: ''}", "7:18: `run` must be longer: it is empty"),
    ],
)
def test_command_lines_of_programs(tmp_path: Path, stack: str, problem: str) -> None:
    (one,) = of(tmp_path, MINIMAL + f"stack:\n  {stack}\n")
    assert one.startswith(problem)


def test_a_place_can_be_asked_for_later(tmp_path: Path) -> None:
    text = HEAD + "requests:\n  - name: q\n    get: /p\n    expect:\n      rows: |\n        SELECT 1,\n          2\n"
    scenario = loaded(tmp_path, text)
    file = tmp_path / "scenario.yaml"
    assert str(scenario.place("requests", 0, "expect", "rows")) == f"{file}:9:13"
    assert str(scenario.place("requests", 0, "expect", "rows", offset=12)) == f"{file}:11:11"
    assert str(scenario.place("requests", 0, "expect")) == f"{file}:8:5"
    assert str(scenario.place("requests", 0, "expect", "count")) == f"{file}:8:5"
    assert str(scenario.place("target", "url")) == f"{file}:1:1"
    assert scenario.folder == tmp_path


def test_mistakes_of_form_and_of_sense_are_told_at_once(tmp_path: Path) -> None:
    text = """\
name: two kinds
identities:
  - {name: keeper, count: 0, weight: -1, claims: {who: "{m}"}}
  - {name: read, from: SELEC keeper FROM pets, claims: {who: "{keeper}"}}
requests:
  - {name: one, get: "t?id=eq.{idd}", expect: {rows: "SELECT id FROM t WHERE who = :zz"}}
load:
  - {name: both, concurrency: 1, rate: 5/s, duration: 1s, measure: perhaps}
"""
    problems = "\n".join(told(tmp_path, text))
    for mistake in ("count", "weight", "{m}", "SELEC", "start with a slash", "measure", "give concurrency"):
        assert mistake in problems, problems


def test_what_is_left_out_as_malformed_is_not_told_to_be_missing(tmp_path: Path) -> None:
    text = """\
name: once
identities: [{name: keeper}]
requests: [{name: one, gett: /t, expect: {rowz: SELECT 1}}]
load: [{name: steady, concurency: 1, duration: 1s}]
"""
    assert len(told(tmp_path, text)) == 3
    assert len(told(tmp_path, text.replace("rowz: SELECT 1", "headers: 5"))) == 3


@pytest.mark.parametrize(
    ("jwt", "problem"),
    [
        ("{secret: short-and-sweet}", "24: `secret` has 15 bytes; HS256 wants 32 or more, and so does PostgREST"),
        ("{secret: '${KEY}'}", "24: `secret` has 9 bytes; HS256 wants 32 or more, and so does PostgREST"),
        ("{secret: '${UNSET:-short}'}", "24: `secret` has 5 bytes; HS256 wants 32 or more, and so does PostgREST"),
        ("{algorithm: HS512, secret_base64: c2hvcnQ=}", "49: `secret_base64` decodes to 5 bytes; HS512 wants 64"),
        ("{secret_base64: '!'}", "31: `secret_base64` is not base64"),
        ("{secret: '-----BEGIN PRIVATE KEY-----'}", "24: `secret` is a PEM key, not a secret"),
        ("{secret: '${UNSET}'}", "24: the variable UNSET is not set"),
        ("{secret: short-and-sweet, ttl: long}", "24: `secret` has 15 bytes"),
    ],
)
def test_a_secret_that_postgrest_would_not_take(jwt: str, problem: str, tmp_path: Path) -> None:
    first, *more = told(tmp_path, f"{MINIMAL}target: {{jwt: {jwt}}}\n", KEY="from-here")
    assert first.startswith(f"scenario.yaml:6:{problem}")
    assert "\n    " in first
    assert [one for one in more if "`ttl`" not in one] == []


@pytest.mark.parametrize(
    "jwt", ["{secret: '${UNSET:-}'}", "{secret: 01234567-89ab-cdef-0123-456789ab}", "{secret: '[redacted]'}"]
)
def test_a_secret_that_is_long_enough_or_not_known_yet(jwt: str, tmp_path: Path) -> None:
    loaded(tmp_path, f"{MINIMAL}target: {{jwt: {jwt}}}\n")
