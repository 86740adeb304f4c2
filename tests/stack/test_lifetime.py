"""However loadcheck ends, nothing of its stack is left."""

import asyncio
import json
import os
import pwd
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from loadcheck.errors import EnvironmentProblem
from loadcheck.stack import warden
from loadcheck.stack.account import enterable, runnable
from loadcheck.stack.construction import embedded
from loadcheck.stack.processes import processes
from tests.pets import FOLDER, pets
from tests.stack.watching import alive, becomes, parent

# Another Python, too, finds the programs of this virtual environment.
HOLDER = f"""import sys, runpy
sys.prefix = {sys.prefix!r}
runpy.run_module("tests.stack.holder", run_name="__main__")"""
STUBBORN = {"run": "{python} stack/stubborn.py {port} {folder}"}


@dataclass
class Held:
    """A stack in a process of its own, and what is to be gone with it."""

    process: subprocess.Popen[str]
    up: dict[str, Any]
    warden: int
    more: list[int]

    @property
    def left(self) -> list[int]:
        return [pid for pid in (*self.up["pids"].values(), self.warden, *self.more) if alive(pid)]

    def stubborn_child(self) -> int:
        return int(Path(self.up["folder"], "gateway", "child").read_text())

    def gone(self) -> bool:
        return not self.left and not Path(self.up["folder"]).exists()


@contextmanager
def holding(stack: dict[str, Any] | None = None, python: Path = Path(sys.executable), **options: Any) -> Iterator[Held]:
    process = subprocess.Popen(
        [python, "-c", HOLDER, json.dumps(stack or {})],
        cwd=FOLDER.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )
    with process:
        assert process.stdout
        line = process.stdout.readline()
        try:
            assert line, process.communicate()[1]
            up = json.loads(line)
            yield Held(process, up, parent(up["pids"]["postgres"]), [])
        finally:
            process.kill()


def _leave(process: subprocess.Popen[str]) -> None:
    process.communicate("leave\n")


def _raise(process: subprocess.Popen[str]) -> None:
    _, said = process.communicate("raise\n")
    assert "ZeroDivisionError" in said


def _ctrl_c(process: subprocess.Popen[str]) -> None:
    """A terminal sends it to the whole process group."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize(
    "end", [_leave, _raise, _ctrl_c, subprocess.Popen.terminate, subprocess.Popen.kill], ids=lambda end: end.__name__
)
def test_nothing_is_left(end: Callable[[subprocess.Popen[str]], None]) -> None:
    with holding() as held:
        assert len(held.left) == 4
        end(held.process)
        assert becomes(held.gone), held.left


def test_programs_that_all_take_their_time_end_within_the_five_seconds_promised() -> None:
    assert 3 * warden.GRACE_S + warden._POSTGRES_GRACE_S < 5


async def test_a_busy_backend_and_a_stubborn_program_are_gone_after_sigkill() -> None:
    with holding({"gateway": STUBBORN}) as held:
        connection = await asyncpg.connect(held.up["database"])
        held.more += [held.stubborn_child(), connection.get_server_pid()]
        async with asyncio.TaskGroup() as group:
            group.create_task(_busy(connection))
            await asyncio.sleep(0)
            assert len(held.left) == 7
            held.process.kill()
            assert await asyncio.to_thread(becomes, held.gone), held.left


async def _busy(connection: asyncpg.Connection) -> None:
    """Keep a backend from noticing anything but signals."""
    with pytest.raises((asyncpg.PostgresError, ConnectionError)):
        await connection.execute("DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells a process of its parent's end")
def test_the_servers_end_even_with_a_killed_warden() -> None:
    with holding() as held:
        os.kill(held.warden, signal.SIGKILL)
        assert becomes(lambda: not held.left), held.left
        held.process.communicate("leave\n")
        assert not Path(held.up["folder"]).exists()


async def test_the_end_of_a_program_is_told() -> None:
    told: list[str] = []
    async with embedded(pets(pooler="none"), FOLDER) as stack:
        os.kill(stack.pids["postgres"], signal.SIGKILL)
        with pytest.raises(EnvironmentProblem, match="PostgreSQL of the embedded stack was ended by signal 9"):
            await stack.broken(told.append)
    assert told == []
    assert not stack.folder.exists()


async def test_postgrest_is_started_again_where_it_was() -> None:
    revived: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with embedded(pets(), FOLDER) as stack:
        watching = asyncio.create_task(stack.broken(revived.set_result))
        os.kill(stack.pids["postgrest"], signal.SIGKILL)
        told = await revived
        assert told == "PostgREST of the embedded stack was ended by signal 9, and was started again"
        async with aiohttp.ClientSession() as session, session.get(stack.ready_url) as ready:
            assert ready.ok
        watching.cancel()
        await asyncio.wait([watching])


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs as a plain user already")
def test_a_plain_user_has_it_too() -> None:
    python, packages = _python_for_all(), sysconfig.get_path("purelib")
    if python is None or not (enterable(FOLDER) and enterable(Path(packages))):
        pytest.skip("no plain user can get at this checkout, its virtual environment and its Python")
    nobody = pwd.getpwnam("nobody")
    environment = {**os.environ, "PYTHONPATH": f"{FOLDER.parent}{os.pathsep}{packages}", "HOME": "/"}
    user: dict[str, Any] = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    with holding(python=python, env=environment, **user) as held:
        assert Path(held.up["folder"]).stat().st_uid == nobody.pw_uid
        held.process.kill()
        assert becomes(held.gone), held.left


def _python_for_all() -> Path | None:
    """Return a Python of this version that every user can run: root's own may be in root's home."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    candidates = [Path(sys.executable), *(Path(folder, name) for folder in folders)]
    return next((path for path in candidates if runnable(path.resolve())), None)


async def test_a_start_given_up_before_the_folder_is_there_ends_quietly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warden tells of its folder only after nobody waits for it any more."""
    report = json.dumps({"folder": str(tmp_path / "late")})
    late = ["/bin/sh", "-c", f"cat; echo '{report}'"]
    guards: list[subprocess.Popen[bytes]] = []

    def guard(*_: object) -> subprocess.Popen[bytes]:
        guards.append(subprocess.Popen(late, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return guards[0]

    monkeypatch.setattr("loadcheck.stack.processes._guard", guard)
    broken: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(context))
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), processes(None):
                pass
    finally:
        asyncio.get_running_loop().set_exception_handler(None)
    assert guards[0].poll() == 0
    assert broken == []
