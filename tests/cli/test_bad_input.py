"""What goes wrong outside loadcheck gets one message with the next step, the right exit code, and shows no secret."""

import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.command import SCENARIOS, Ended, loadcheck, loadcheck_with_small_files, read_until, started

PETS = SCENARIOS / "pets.yaml"
SECRET = "a-secret-that-nobody-may-see-in-any-output-1234567890"
Serve = Callable[[socketserver.StreamRequestHandler], None]


class Target:
    """A stack that `loadcheck up` keeps, as its output describes it."""

    def __init__(self, told: str) -> None:
        line = next(line for line in told.splitlines() if "loadcheck run" in line)
        self.url = re.search(r"--url '?(\S+?)'?\s", line)[1]  # type: ignore[index]
        self.database = re.search(r"--database '?(\S+?)'?\s", line)[1]  # type: ignore[index]
        self.secret = re.search(r"--jwt-secret '?([^'\s]+)'?", line)[1]  # type: ignore[index]
        self.password = re.search(r"://[^:]+:([^@]+)@", self.database)[1]  # type: ignore[index]

    def run(self, scenario: Path, *arguments: object, **changed: str) -> Ended:
        given = {"url": self.url, "database": self.database, "jwt_secret": self.secret, **changed}
        options = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value)]
        ended = loadcheck("run", scenario, *options, *arguments)
        for secret in (self.secret, self.password, changed.get("jwt_secret"), "eyJ"):
            assert secret is None or secret not in ended.text
        assert "Traceback" not in ended.text
        return ended


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with started("up", PETS) as process:
        yield Target(read_until(process, "Ctrl-C"))


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


def test_a_good_scenario_passes_against_the_target(target: Target, tmp_path: Path) -> None:
    ended = target.run(scenario(tmp_path, LIST), "--out", tmp_path / "run")
    assert ended.code == 0, ended.text


@pytest.mark.parametrize("method", ["post", "patch", "put", "delete"])
def test_a_target_is_not_written_to_unless_that_is_said(method: str, tmp_path: Path) -> None:
    body = "" if method == "delete" else ", body: {}"
    writing = scenario(tmp_path, f"  - {{name: change, {method}: /pets{body}, expect: {{status: 201}}}}")
    nowhere = ("--url", "http://127.0.0.1:9", "--jwt-secret", SECRET, "--database", "postgresql://a:b@127.0.0.1:9/c")
    ended = loadcheck("run", writing, *nowhere, "--out", tmp_path / "run")
    assert ended.code == 4
    assert "the scenario writes" in ended.err
    assert "'change'" in ended.err
    assert "--allow-writes" in ended.err
    assert not (tmp_path / "run").exists()
    assert loadcheck("run", writing, *nowhere, "--allow-writes", "--out", tmp_path / "run").code == 5


def test_nothing_at_the_url(target: Target, tmp_path: Path) -> None:
    ended = target.run(scenario(tmp_path, LIST), "--out", tmp_path / "run", url="http://127.0.0.1:9")
    assert ended.code == 5
    assert "nothing answers at http://127.0.0.1:9" in ended.err


def test_a_wrong_database_password(target: Target, tmp_path: Path) -> None:
    wrong = target.database.replace(target.password, "wr0ng-passw0rd")
    ended = target.run(scenario(tmp_path, LIST), "--out", tmp_path / "run", database=wrong)
    assert ended.code == 5
    assert "password" in ended.err
    assert "wr0ng-passw0rd" not in ended.text


def test_no_database_at_the_dsn(target: Target, tmp_path: Path) -> None:
    dsn = "postgresql://role:hidden-pw@127.0.0.1:9/none"
    ended = target.run(scenario(tmp_path, LIST), "--out", tmp_path / "run", database=dsn)
    assert ended.code == 5
    assert "127.0.0.1:9" in ended.err
    assert "hidden-pw" not in ended.text


def test_a_wrong_secret_is_told_once(target: Target, tmp_path: Path) -> None:
    ended = target.run(scenario(tmp_path, LIST), "--out", tmp_path / "run", jwt_secret=SECRET)
    assert ended.code == 5
    assert ended.text.count("refuses every token") == 1
    assert "--jwt-secret" in ended.err


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
    ended = target.run(scenario(tmp_path, LIST + missing), "--out", tmp_path / "run")
    assert ended.code == 4
    assert "request 'typo': GET /petz answers 404" in ended.err
    assert "'list'" not in ended.err


def test_sql_that_does_not_prepare_is_told_at_its_line_and_all_of_it_at_once(target: Target, tmp_path: Path) -> None:
    first = LIST.replace("WHERE keeper", "WHERE keper")
    second = LIST.replace("FROM pets", "FROM petz").replace("list", "other")
    ended = target.run(scenario(tmp_path, first + second), "--out", tmp_path / "run")
    assert ended.code == 4
    assert re.search(r"scenario\.yaml:9:\d+: .*keper", ended.err), ended.err
    assert re.search(r"scenario\.yaml:13:\d+: .*petz", ended.err), ended.err


def test_an_empty_table_is_inconclusive(target: Target, tmp_path: Path) -> None:
    nobody = LIST.replace("keeper = :user_type", "keeper = :user_type AND false").replace("/pets?", "/pets?id=eq.0&")
    ended = target.run(scenario(tmp_path, nobody), "--out", tmp_path / "run")
    assert ended.code == 2
    assert "no row to leak" in ended.out


def test_an_output_folder_that_cannot_be_written(target: Target, tmp_path: Path) -> None:
    ended = target.run(scenario(tmp_path, LIST), "--out", "/proc/loadcheck")
    assert ended.code == 5
    assert "--out" in ended.err


def test_a_disk_that_is_full_ends_the_run_at_once(target: Target, tmp_path: Path) -> None:
    options = ("--url", target.url, "--database", target.database, "--jwt-secret", target.secret)
    long = scenario(tmp_path, LIST, "{name: long, concurrency: 4, duration: 60s}")
    ended = loadcheck_with_small_files("run", long, *options, "--out", tmp_path / "run")
    assert ended.code == 5, ended.text
    assert "history.ndjson.gz" in ended.err
    assert not (tmp_path / "run" / "summary.json").exists()


def test_a_run_is_never_overwritten(target: Target, tmp_path: Path) -> None:
    assert target.run(scenario(tmp_path, LIST), "--out", tmp_path / "run").code == 0
    ended = target.run(scenario(tmp_path, LIST), "--out", tmp_path / "run")
    assert ended.code == 4
    assert "already holds a run" in ended.err


def test_a_scenario_of_a_megabyte_is_read(target: Target, tmp_path: Path) -> None:
    large = scenario(tmp_path, LIST)
    large.write_text(large.read_text() + "description: >-\n" + "  words and words\n" * 60_000)
    assert large.stat().st_size > 10**6
    ended = target.run(large, "--out", tmp_path / "run")
    assert ended.code == 0, ended.text


def test_an_unset_variable_is_told_at_its_line(target: Target, tmp_path: Path) -> None:
    unset = LIST.replace("/pets?", "/${LOADCHECK_TEST_UNSET}?")
    ended = target.run(scenario(tmp_path, unset), "--out", tmp_path / "run")
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


def _silence(to: socketserver.StreamRequestHandler) -> None:
    to.rfile.read()


def _flood(to: socketserver.StreamRequestHandler) -> None:
    """Send 5 GB, for as long as somebody reads them."""
    to.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000000000\r\n\r\n")
    for _ in range(5_000):
        to.wfile.write(b"[" * 10**6)


@pytest.mark.parametrize(
    ("serve", "message"),
    [
        (_html, "answers request 'list' with text/html, not with JSON"),
        (_silence, "no answer within 3 s"),
        (_flood, "too large an answer"),
    ],
)
def test_a_server_that_is_no_postgrest(serve: Serve, message: str, target: Target, tmp_path: Path) -> None:
    with serving(serve) as url:
        ended = target.run(scenario(tmp_path, LIST), "--out", tmp_path / "run", "--set", "target.timeout=3s", url=url)
    assert ended.code == 5
    assert message in ended.err
