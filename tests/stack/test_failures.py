"""What users are told when the stack does not come up; never a secret, and nothing is left."""

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadcheck.errors import EnvironmentProblem, LoadcheckError, UsageProblem
from loadcheck.stack import launch
from loadcheck.stack.construction import embedded
from loadcheck.stack.launch import Launcher
from loadcheck.stack.ports import LOOPBACK, PortTaken
from loadcheck.stack.processes import Order, processes
from tests.pets import FOLDER, pets

CRASH = "{python} -c 'import sys; print(sys.argv[1]); print(sys.argv[2]); sys.exit(3)' {database} {folder} {port}"


async def refused(stack: dict[str, Any], folder: Path = FOLDER) -> LoadcheckError:
    with pytest.raises(LoadcheckError) as caught:
        async with embedded(pets(**stack), folder):
            pass
    return caught.value


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    tmp_path_factory.getbasetemp()  # made before the folder for temporary files is another
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", base)
        yield
        assert list(Path(base).iterdir()) == []


async def test_a_mistake_in_sql_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "bad.sql").write_text("SELECT 1;\n  SELECT nothing")
    problem = await refused({"sql": ["bad.sql"], "pooler": "none"}, tmp_path)
    assert isinstance(problem, UsageProblem)
    assert problem.message == f'{tmp_path / "bad.sql"}:2:10: column "nothing" does not exist (42703)'


async def test_a_role_that_the_stack_has_not_is_told_with_those_that_it_has(tmp_path: Path) -> None:
    (tmp_path / "bad.sql").write_text("CREATE TABLE a (); GRANT SELECT ON a TO api")
    problem = await refused({"sql": ["bad.sql"], "pooler": "none"}, tmp_path)
    assert 'role "api" does not exist' in problem.message
    assert "stack.role" in problem.advice


@pytest.mark.parametrize(
    ("stack", "title", "log"),
    [
        ({"postgres": {"no_such_setting": 1}}, "PostgreSQL", "no_such_setting"),
        ({"pooler": {"no_such_setting": 1, "pool_mode": "bogus"}}, "PgBouncer", "bogus"),
        ({"postgrest": {"db-pool": 2, "log-level": "bogus"}}, "PostgREST", "Invalid logging level"),
    ],
)
async def test_a_program_that_does_not_come_up_is_named_with_the_end_of_its_log(
    stack: dict[str, Any], title: str, log: str
) -> None:
    problem = await refused(stack)
    assert isinstance(problem, EnvironmentProblem)
    assert problem.message.startswith(f"{title} of the embedded stack ended with exit code")
    assert log in problem.advice


async def test_no_password_of_a_log_is_shown() -> None:
    problem = await refused({"gateway": {"run": CRASH}})
    assert problem.message == "the gateway of the embedded stack ended with exit code 3"
    assert "postgresql://role_readwrite:***@127.0.0.1" in problem.advice


async def test_a_program_that_does_not_answer_in_time_is_ended_and_so_not_in_the_way_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_READY_S", 0.1)
    order = Order("gateway", (sys.executable, "-c", "import time; time.sleep(600)"), dict(os.environ), tmp_path)
    async with processes(None) as kept:
        with pytest.raises(EnvironmentProblem, match="the gateway of the embedded stack did not answer within"):
            await Launcher(kept, None).launch(order, silent)
        assert kept.running == {}


async def test_one_that_was_up_before_is_given_more_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answers() -> bool:
        monkeypatch.setattr(launch, "_READY_S", 0.0)  # enough for nothing, from now on
        return True

    order = Order("gateway", (sys.executable, "-c", "import time; time.sleep(600)"), dict(os.environ), tmp_path)
    async with processes(None) as kept:
        launcher = Launcher(kept, None)
        first = await launcher.launch(order, answers)
        await launcher.end(first, signal.SIGKILL)
        assert await launcher.launch(order, answers) == kept.running["gateway"]
        with pytest.raises(EnvironmentProblem):
            await launcher.launch(replace(order, name="pooler"), silent)


async def silent() -> bool:
    return False


async def test_a_gateway_that_is_not_there() -> None:
    problem = await refused({"gateway": {"run": "./no-such-program {port}"}})
    assert problem.message.startswith("gateway cannot be started")
    assert "no-such-program" in problem.message
    assert "scenario's folder" in problem.advice


@pytest.mark.parametrize(
    "stack", [{"postgres": {"port": 0}}, {"pooler": {"listen_port": 0}}, {"postgrest": {"server-port": 0}}]
)
async def test_a_fixed_port_that_is_taken(stack: dict[str, dict[str, int]]) -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        taken = {key: dict.fromkeys(value, listener.getsockname()[1]) for key, value in stack.items()}
        assert isinstance(await refused(taken), PortTaken)
