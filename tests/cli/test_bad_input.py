"""What goes wrong outside loadcheck gets one message with the next step, the right exit code, and shows no secret."""

import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.command import SCENARIOS, Ended, loadcheck, loadcheck_with_small_files
from tests.cli.target import Target, kept

PETS = SCENARIOS / "pets.yaml"
SECRET = "a-secret-that-nobody-may-see-in-any-output-1234567890"
Serve = Callable[[socketserver.StreamRequestHandler], None]


def run(target: Target, scenario: Path, *arguments: object, **changed: str) -> Ended:
    """Run it against the target, some of whose options may be changed, and see that nothing secret is shown."""
    given = {**target.given, **{f"--{name.replace('_', '-')}": value for name, value in changed.items()}}
    ended = loadcheck("run", scenario, *(word for option in given.items() for word in option), *arguments)
    for secret in (target.given["--jwt-secret"], password(target), changed.get("jwt_secret"), "eyJ"):
        assert secret is None or secret not in ended.text
    assert "Traceback" not in ended.text
    return ended


def password(target: Target) -> str:
    found = urlsplit(target.given["--database"]).password
    assert found
    return found


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with kept(PETS) as target:
        yield target


def scenario(folder: Path, requests: str, load: str = "{name: once, concurrency: 2, requests: 50}") -> Path:
    path = folder / "scenario.yaml"
    path.write_text(
        f"""
name: bad input
identities:
  - {{name: keeper, count: 5, claims: {{role: role_readwrite, user_type: "tenant-{{n}}"}}}}
requests:
{requests}
load: [{load}]
"""
    )
    return path


LIST = """
  - name: list
    get: /pets?select=id&order=id
    expect: {rows: "SELECT id FROM pets WHERE keeper = :user_type ORDER BY id"}
"""


def test_a_good_scenario_passes_against_the_target_and_its_run_is_never_overwritten(
    target: Target, tmp_path: Path
) -> None:
    ended = run(target, scenario(tmp_path, LIST), "--out", tmp_path / "run")
    assert ended.code == 0, ended.text
    ended = run(target, scenario(tmp_path, LIST), "--out", tmp_path / "run")
    assert ended.code == 4
    assert "already holds a run" in ended.err


def test_a_target_is_not_written_to_unless_that_is_said(tmp_path: Path) -> None:
    methods = ("get", "post", "patch", "put", "delete")
    requests = "".join(f"  - {{name: by {method}, {method}: /pets, expect: {{status: 200}}}}\n" for method in methods)
    writing = scenario(tmp_path, requests)
    nowhere = ("--url", "http://127.0.0.1:9", "--jwt-secret", SECRET, "--database", "postgresql://a:b@127.0.0.1:9/c")
    ended = loadcheck("run", writing, *nowhere, "--out", tmp_path / "run")
    assert ended.code == 4
    assert "the scenario writes" in ended.err
    assert "'by post', 'by patch', 'by put', 'by delete'" in " ".join(ended.err.split())
    assert "'by get'" not in ended.err
    assert "--allow-writes" in ended.err
    assert not (tmp_path / "run").exists()
    assert loadcheck("run", writing, *nowhere, "--allow-writes", "--out", tmp_path / "run").code == 5


@pytest.mark.parametrize(
    ("url", "why", "advice"),
    [
        ("http://127.0.0.1:9", "connection refused", "Is PostgREST running there, on that port?"),
        ("http://nowhere.invalid:3000", "its name is not found", "Check the host's name"),
    ],
)
def test_nothing_at_the_url(url: str, why: str, advice: str, target: Target, tmp_path: Path) -> None:
    ended = run(target, scenario(tmp_path, LIST), "--out", tmp_path / "run", url=url)
    assert ended.code == 5
    assert f"cannot connect to {url}: {why}\n{advice}" in ended.err


@pytest.mark.parametrize("transport", ["wire", "aiohttp"])
def test_https_where_no_tls_is_spoken(transport: str, target: Target, tmp_path: Path) -> None:
    url = target.given["--url"].replace("http:", "https:")
    options = ("--set", f"target.transport={transport}", "--set", "target.timeout=1s", "--out", tmp_path / "run")
    ended = run(target, scenario(tmp_path, LIST), *options, url=url)
    assert ended.code == 5
    # PostgREST takes the offer of TLS for the beginning of a head, and waits for its end.
    assert f"no answer within 1 s (target.timeout) from {url}\nDoes it speak TLS, as https:// says?" in ended.err


def test_a_wrong_database_password(target: Target, tmp_path: Path) -> None:
    wrong = target.given["--database"].replace(password(target), "wr0ng-passw0rd")
    ended = run(target, scenario(tmp_path, LIST), "--out", tmp_path / "run", database=wrong)
    assert ended.code == 5
    assert "password" in ended.err
    assert "wr0ng-passw0rd" not in ended.text


def test_a_server_without_tls(target: Target, tmp_path: Path) -> None:
    required = f"{target.given['--database']}?sslmode=require"
    ended = run(target, scenario(tmp_path, LIST), "--out", tmp_path / "run", database=required)
    assert ended.code == 5
    assert "the server does not speak TLS" in ended.err


def test_no_database_at_the_dsn(target: Target, tmp_path: Path) -> None:
    dsn = "postgresql://role:hidden-pw@127.0.0.1:9/none"
    ended = run(target, scenario(tmp_path, LIST), "--out", tmp_path / "run", database=dsn)
    assert ended.code == 5
    assert "127.0.0.1:9" in ended.err
    assert "hidden-pw" not in ended.text


def test_a_wrong_secret_is_told_once(target: Target, tmp_path: Path) -> None:
    ended = run(target, scenario(tmp_path, LIST), "--out", tmp_path / "run", jwt_secret=SECRET)
    assert ended.code == 5
    assert ended.text.count("refuses every token") == 1
    assert "--jwt-secret" in ended.err
    assert not (tmp_path / "run").exists()


def test_an_oracle_that_row_security_binds(tmp_path: Path) -> None:
    (tmp_path / "forced.sql").write_text(
        f"{(SCENARIOS / 'pets.sql').read_text()}\nALTER TABLE pets FORCE ROW LEVEL SECURITY;"
    )
    forced = scenario(tmp_path, LIST)
    forced.write_text(forced.read_text() + "stack: {sql: [forced.sql]}")
    ended = loadcheck("run", forced, "--out", tmp_path / "run")
    assert ended.code == 5
    assert "bound by row security on pets" in ended.err
    assert "BYPASSRLS" in ended.err


def test_a_table_that_is_not_exposed(target: Target, tmp_path: Path) -> None:
    missing = LIST.replace("/pets?", "/petz?").replace("list", "typo")
    ended = run(target, scenario(tmp_path, LIST + missing), "--out", tmp_path / "run")
    assert ended.code == 4
    assert "request 'typo': GET /petz answers 404" in ended.err
    assert "'list'" not in ended.err


def test_sql_that_does_not_prepare_is_told_at_its_line_and_all_of_it_at_once(target: Target, tmp_path: Path) -> None:
    first = LIST.replace("WHERE keeper", "WHERE keper")
    second = LIST.replace("FROM pets", "FROM petz").replace("list", "other")
    ended = run(target, scenario(tmp_path, first + second), "--out", tmp_path / "run")
    assert ended.code == 4
    assert re.search(r"scenario\.yaml:9:\d+: .*keper", ended.err), ended.err
    assert re.search(r"scenario\.yaml:13:\d+: .*petz", ended.err), ended.err


def test_columns_that_the_request_does_not_select_are_asked_about(target: Target, tmp_path: Path) -> None:
    requests = LIST.replace("SELECT id", "SELECT id, name")
    assert requests != LIST
    ended = run(target, scenario(tmp_path, requests), "--out", tmp_path / "run")
    assert ended.code == 1, ended.text
    told = " ".join(ended.out.split())
    assert "cause undetermined asked alone through the target: 3 of 3 wrong" in told
    assert "does the SQL of `rows` read the columns that the request selects?" in told


def test_an_empty_table_is_inconclusive(target: Target, tmp_path: Path) -> None:
    nobody = LIST.replace("keeper = :user_type", "keeper = :user_type AND false").replace("/pets?", "/pets?id=eq.0&")
    ended = run(target, scenario(tmp_path, nobody), "--out", tmp_path / "run")
    assert ended.code == 2
    assert "no row to leak" in ended.out


def test_identities_that_no_row_makes_are_inconclusive(target: Target, tmp_path: Path) -> None:
    nobody = scenario(tmp_path, LIST)
    claims = '{role: role_readwrite, user_type: "{keeper}"}'
    listed = f"{{name: listed, from: SELECT keeper FROM pets WHERE false, claims: {claims}}}"
    nobody.write_text(nobody.read_text().replace("requests:", f"  - {listed}\nrequests:", 1))
    ended = run(target, nobody, "--out", tmp_path / "run")
    assert ended.code == 2
    assert "identity 'listed' is nobody, for its `from` reads no row" in " ".join(ended.out.split())
    nobody.write_text(re.sub(r"  - {name: keeper.*\n", "", nobody.read_text()))
    ended = run(target, nobody, "--out", tmp_path / "nobody")
    assert ended.code == 2
    assert "no row is read, so nobody can ask for anything" in ended.err


def test_an_output_folder_that_cannot_be_written(target: Target, tmp_path: Path) -> None:
    ended = run(target, scenario(tmp_path, LIST), "--out", "/proc/loadcheck")
    assert ended.code == 5
    assert "--out" in ended.err


def test_a_disk_that_is_full_ends_the_run_at_once(target: Target, tmp_path: Path) -> None:
    long = scenario(tmp_path, LIST, "{name: long, concurrency: 4, duration: 10m}")
    ended = loadcheck_with_small_files("run", long, *target.options, "--out", tmp_path / "run")
    assert ended.code == 5, ended.text
    assert "history.ndjson.gz" in ended.err
    assert not (tmp_path / "run" / "summary.json").exists()


def test_a_disk_that_is_full_does_not_hide_what_was_found(target: Target, tmp_path: Path) -> None:
    wrong = LIST.replace(":user_type", ":user_type AND id % 2 = 0")
    long = scenario(tmp_path, wrong, "{name: long, concurrency: 4, duration: 10m}")
    ended = loadcheck_with_small_files("run", long, *target.options, "--out", tmp_path / "run")
    assert ended.code == 1, ended.text
    assert "history.ndjson.gz" in ended.err
    assert f"loadcheck report {tmp_path / 'run'}" in ended.err
    told = loadcheck("report", tmp_path / "run")
    assert "the run was cut" in told.out
    assert "verdict: fail" in told.out


def test_a_scenario_of_a_megabyte_is_read(target: Target, tmp_path: Path) -> None:
    large = scenario(tmp_path, LIST)
    large.write_text(large.read_text() + "description: >-\n" + "  words and words\n" * 60_000)
    assert large.stat().st_size > 10**6
    ended = run(target, large, "--out", tmp_path / "run")
    assert ended.code == 0, ended.text


def test_an_unset_variable_is_told_at_its_line(target: Target, tmp_path: Path) -> None:
    unset = LIST.replace("/pets?", "/${LOADCHECK_TEST_UNSET}?")
    ended = run(target, scenario(tmp_path, unset), "--out", tmp_path / "run")
    assert ended.code == 4
    assert re.search(r"scenario\.yaml:8:\d+: .*LOADCHECK_TEST_UNSET", ended.err), ended.err


def test_no_scenario_at_all() -> None:
    ended = loadcheck("run", "no-such-scenario.yaml")
    assert ended.code == 4
    assert "no-such-scenario.yaml" in ended.err


@contextmanager
def serving(serve: Serve) -> Iterator[str]:
    """Run a server of our own on a free port, each connection in a thread, and yield its URL."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            with suppress(ConnectionError):
                serve(self)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _html(to: socketserver.StreamRequestHandler) -> None:
    to.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")


def _moved(to: socketserver.StreamRequestHandler) -> None:
    moved = b"HTTP/1.1 301 Moved\r\nLocation: https://other.example/pets?token=x\r\nContent-Length: 0\r\n\r\n"
    to.wfile.write(moved)


def _silence(to: socketserver.StreamRequestHandler) -> None:
    to.rfile.read()


def _flood(to: socketserver.StreamRequestHandler) -> None:
    """Send 5 GB, for as long as somebody reads them."""
    to.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000000000\r\n\r\n")
    for _ in range(5_000):
        to.wfile.write(b"[" * 10**6)


@pytest.mark.parametrize(
    ("serve", "timeout", "message"),
    [
        (_html, "5m", "answers request 'list' with text/html, not with JSON"),
        (_moved, "5m", "redirects every request (301)\nNone is followed. They lead to https://other.example: is that"),
        (_silence, "1s", "no answer within 1 s"),
        (_flood, "5m", "too large an answer"),
    ],
)
def test_a_server_that_is_no_postgrest(
    serve: Serve, timeout: str, message: str, target: Target, tmp_path: Path
) -> None:
    options = ("--set", f"target.timeout={timeout}", "--out", tmp_path / "run")
    with serving(serve) as url:
        ended = run(target, scenario(tmp_path, LIST), *options, url=url)
    assert ended.code == 5
    assert message in ended.err
