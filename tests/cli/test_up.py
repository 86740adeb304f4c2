"""`loadcheck up`: what it prints works when it is pasted, and nothing is left when it ends."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadcheck.errors import ExitCode
from tests.cli.command import PATIENCE_S
from tests.pets import FOLDER
from tests.stack.watching import becomes

LOADCHECK = [sys.executable, "-c", "from loadcheck.cli import main; main()"]
PETS = """
name: pets
target: {jwt: {algorithm: ALGORITHM}, headers: {X-Plain: "it's"}}
stack: {sql: [pets.sql]}
identities:
  - {name: expired, token: expired, claims: {role: role_readwrite}, expect: {status: 401}}
  - name: listed
    from: SELECT DISTINCT keeper FROM pets ORDER BY keeper
    claims: {role: role_readwrite, user_type: "{keeper}"}
requests:
  - {name: one, get: "/pets?id=eq.{id}", vars: {id: {int: [1, 2]}}, expect: {status: 200}}
  - {name: list, get: "/pets?select=id&order=id&limit=2", expect: {status: 200}}
load: [{name: short, concurrency: 4, requests: 200}]
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    (tmp_path / "pets.sql").write_text((FOLDER / "pets.sql").read_text())
    (tmp_path / "pets.yaml").write_text(PETS.replace("ALGORITHM", "HS256"))
    return tmp_path / "pets.yaml"


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files that nobody else uses, and that every user can enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


ANSWERS = re.compile(r"(\w+) \S+ answers after [\d.]+ s")


@contextmanager
def started(scenario: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*LOADCHECK, "up", scenario.name, *options],
        cwd=scenario.parent,
        env={**os.environ, "PYTHONPATH": str(FOLDER.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def up(scenario: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run it with its output in a pipe; yield what it has printed by the time it is up."""
    with started(scenario, *options) as process:
        yield process, _lines(process)


def _lines(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    lines: list[str] = []
    while not (lines and lines[-1].startswith("Ctrl-C")):
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        lines.append(line.strip())
    return lines


def _line(lines: list[str], start: str) -> str:
    return next(line for line in lines if line.startswith(start))


@pytest.mark.parametrize("algorithm", ["HS256", "ES256"])
def test_what_it_prints_works_when_pasted(scenario: Path, algorithm: str) -> None:
    scenario.write_text(PETS.replace("ALGORITHM", algorithm))
    with up(scenario) as (process, lines):
        assert ANSWERS.findall("\n".join(lines[:4])) == ["postgres", "pgbouncer", "postgrest"]
        assert "\x1b" not in "".join(lines)
        answer = subprocess.run(_line(lines, "curl "), shell=True, check=True, capture_output=True, text=True)  # noqa: S602 -- pasted into a shell
        assert json.loads(answer.stdout) == [{"id": 1}, {"id": 2}]
        assert "Ask it as listed#1:" in lines
        words = shlex.split(_line(lines, "loadcheck run "))
        if algorithm == "HS256":
            _repeat_a_finding(scenario, lines)
        assert words[2] == str(scenario)
        assert _line(lines, "url ").split()[1] == words[words.index("--url") + 1]
        assert _line(lines, "database ").split()[1] == words[words.index("--database") + 1]
        looked = _pasted(_line(lines, "loadcheck doctor "))
        assert "ok       a pooler in transaction mode" in looked.stdout, looked.stdout + looked.stderr
        done = _pasted(_line(lines, "loadcheck run "), "--out", str(scenario.parent / "out"))
        assert done.returncode in {ExitCode.PASS, ExitCode.INCONCLUSIVE}, done.stdout + done.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == ExitCode.PASS


def test_the_stamp_goes_in_and_out_of_a_stack_without_one(scenario: Path) -> None:
    without = (
        "--set",
        "stack.stamp=false",
        "--set",
        "stack.pooler=none",
    )  # PostgREST hears a NOTIFY past a pooler only
    with up(scenario, *without) as (_, lines):
        line = next(line for line in lines if line.endswith("--install-stamp --yes"))
        stamped = "answers carry the stamp"
        assert stamped not in _pasted(_line(lines, "loadcheck doctor ")).stdout
        assert _pasted(line).stdout == "The stamp is installed: answers carry it.\n"
        assert stamped in _pasted(_line(lines, "loadcheck doctor ")).stdout
        assert _pasted(line.replace("--install", "--remove")).stdout.startswith("The stamp is removed")
        assert stamped not in _pasted(_line(lines, "loadcheck doctor ")).stdout
        assert not any("Behind a pooler" in line or line.startswith("kill ") for line in lines)


def test_what_does_not_hear_of_the_stamp_behind_a_pooler_is_told_by_a_signal(scenario: Path) -> None:
    with up(scenario, "--set", "stack.stamp=false") as (_, lines):
        assert int(_line(lines, "kill -USR2 ").split()[-1]) in _programs(Path("postgrest.conf"))


def test_the_stamp_of_a_stack_stays_with_it(scenario: Path) -> None:
    with up(scenario) as (_, lines):
        assert not any("postgresql://postgres:" in line for line in lines)
        for option in ("--install-stamp", "--remove-stamp"):
            refused = _pasted(_line(lines, "loadcheck doctor "), option, "--yes")
            assert refused.returncode == ExitCode.USAGE
            assert "an embedded stack's own" in refused.stderr
            assert "--set stack.stamp=false" in refused.stderr


def _pasted(line: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LOADCHECK, *shlex.split(line)[1:], *options],
        env={**os.environ, "PYTHONPATH": str(FOLDER.parent)},
        check=False,
        capture_output=True,
        text=True,
    )


def _repeat_a_finding(scenario: Path, lines: list[str]) -> None:
    """Paste what a finding of a run would be repeated with, after the line that prepares the shell for it."""
    token = f"$({shlex.join(LOADCHECK)} token {scenario} 'listed#1')"
    curl = f'curl -gsS "$LOADCHECK_URL/pets?select=id&order=id&limit=1" -H "Authorization: Bearer {token}"'
    answer = subprocess.run(  # noqa: S602 -- pasted into a shell
        f"{_line(lines, 'export ')}\n{curl}",
        shell=True,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(FOLDER.parent)},
    )
    assert json.loads(answer.stdout) == [{"id": 1}]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_well(scenario: Path, base: Path, number: signal.Signals) -> None:
    with up(scenario) as (process, _):
        assert len(list(base.iterdir())) == 1
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == ExitCode.PASS
        assert list(base.iterdir()) == []
        assert process.communicate() == ("", "")


def test_killed_it_leaves_nothing(scenario: Path, base: Path) -> None:
    with up(scenario) as (process, _):
        process.kill()
        assert becomes(lambda: not list(base.iterdir()) and not _programs(base))


def test_while_it_starts_ctrl_c_is_an_interruption(scenario: Path, base: Path) -> None:
    (scenario.parent / "pets.sql").write_text("SELECT pg_sleep(60)")
    with started(scenario) as process:
        assert becomes(lambda: bool(list(base.iterdir())))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == ExitCode.INTERRUPTED
        assert list(base.iterdir()) == []
        assert process.communicate() == ("", "")


def test_the_end_of_a_program_ends_it(scenario: Path, base: Path) -> None:
    with up(scenario) as (process, _):
        os.kill(next(pid for pid, line in _programs(base).items() if "pgbouncer.ini" in line), signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == ExitCode.ENVIRONMENT
        assert said.startswith("loadcheck: PgBouncer of the embedded stack ")
        assert list(base.iterdir()) == []


def test_a_mistake_in_sql_is_told(scenario: Path, base: Path) -> None:
    (scenario.parent / "pets.sql").write_text("SELECT\n  nothing")
    assert 'pets.sql:2:3: column "nothing" does not exist (42703)' in _refused(scenario, ExitCode.USAGE)
    assert list(base.iterdir()) == []


def test_a_missing_program_is_told(scenario: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADCHECK_PGBOUNCER", "/nowhere")
    assert "LOADCHECK_PGBOUNCER is /nowhere" in _refused(scenario, ExitCode.ENVIRONMENT)
    assert list(base.iterdir()) == []


def _refused(scenario: Path, code: ExitCode) -> str:
    with started(scenario) as process:
        printed, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code
    assert all(ANSWERS.fullmatch(line) for line in printed.splitlines())
    assert "Traceback" not in said
    return said


def _programs(base: Path) -> dict[int, str]:
    """Return the command lines of everything that runs from the folder, by pid."""
    shown = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,args="],  # noqa: S607 -- the system's own
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines = [line.strip().split(maxsplit=1) for line in shown.splitlines() if str(base) in line]
    return {int(pid): arguments for pid, arguments in lines}
