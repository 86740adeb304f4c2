"""The programs of one stack as loadcheck sees them: started by its warden, told of when they end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

from loadcheck.errors import EnvironmentProblem
from loadcheck.stack import warden
from loadcheck.stack.account import Account, base_folder

_FAREWELL_S: Final = 10.0
_KILLED_S: Final = 10.0
_LOOK_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Order:
    """What to start.

    Attributes:
        name: What it is called in the stack: `postgres`, `pgbouncer`, …; one at a time has it.
        argv: The program and its arguments; no shell reads them.
        env: Its whole environment.
        cwd: Its working directory.
        account: Whom it runs as; None: the caller.
        stop: What it is asked to end with.
    """

    name: str
    argv: tuple[str, ...] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    account: Account | None = None
    stop: signal.Signals = signal.SIGTERM


@dataclass(frozen=True, slots=True)
class Process:
    """A program that runs.

    Attributes:
        log: What it has written to stdout and stderr; may hold secrets.
        ended: Its exit code, when it has ended; negative: the signal that ended it.
    """

    name: str
    pid: int
    log: Path
    ended: asyncio.Future[int]


class Processes(asyncio.Protocol):
    """The programs of one stack, and the wire to their warden.

    Args:
        guard: The warden; orders go to its stdin, and its stdout is connected to this protocol.

    Attributes:
        running: The programs that run, by name, in the order of their start.
        gone: Done when the warden has ended, and with it every program.
    """

    def __init__(self, guard: subprocess.Popen[bytes]) -> None:
        loop = asyncio.get_running_loop()
        self.running: dict[str, Process] = {}
        self.opened: asyncio.Future[None] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()
        self._guard = guard
        self._folder: Path | None = None
        self._starts: dict[str, asyncio.Future[Process]] = {}
        self._unread = b""

    @property
    def folder(self) -> Path:
        """The stack's folder, once `opened` is done; gone when the warden is."""
        assert self._folder is not None  # noqa: S101 -- `opened` has been awaited
        return self._folder

    async def start(self, order: Order) -> Process:
        """Start a program.

        Raises:
            EnvironmentProblem: it cannot be started.
        """
        if self.gone.done():
            raise _lost()
        started: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._starts[order.name] = started
        self._send(
            {
                "name": order.name,
                "argv": order.argv,
                "env": dict(order.env),
                "cwd": str(order.cwd),
                "log": str(self._log(order.name)),
                "stop": int(order.stop),
                "account": order.account and [order.account.uid, order.account.gid],
            }
        )
        return await started

    def data_received(self, data: bytes) -> None:
        """Take the warden's reports."""
        *reports, self._unread = (self._unread + data).split(b"\n")
        for report in reports:
            self._take(json.loads(report))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the protocol's signature
        """Note the warden's end; it has closed its stdout by ending, so that there is nothing to wait for."""
        self._guard.wait()
        if not self.opened.done():
            self.opened.set_exception(_lost())
        for waiting in self._starts.values():
            _settle(waiting, _lost())
        for name in list(self.running):
            self._end(name, -signal.SIGKILL)
        # Nothing is left of it unless the warden itself was killed.
        if self._folder is not None:
            rmtree(self._folder, ignore_errors=True)
        self.gone.set_result(None)

    def _take(self, report: dict[str, Any]) -> None:
        match report:
            case {"folder": folder}:
                self._folder = Path(folder)
                if not self.opened.done():  # cancelled, where the start was given up before the folder was there
                    self.opened.set_result(None)
            case {"name": name, "pid": pid}:
                self._begin(name, pid)
            case {"name": name, "error": error}:
                _settle(self._starts.pop(name), EnvironmentProblem(f"{name} cannot be started: {error}"))
            case {"name": name, "exit": code}:
                self._end(name, code)

    def _begin(self, name: str, pid: int) -> None:
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.running[name] = Process(name, pid, self._log(name), ended)
        _settle(self._starts.pop(name), self.running[name])

    def _end(self, name: str, code: int) -> None:
        ended = self.running.pop(name).ended
        if not ended.done():
            ended.set_result(code)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _send(self, order: dict[str, Any]) -> None:
        assert self._guard.stdin  # noqa: S101 -- opened as a pipe
        with suppress(BrokenPipeError):  # `connection_lost` tells of it
            self._guard.stdin.write(json.dumps(order).encode() + b"\n")
            self._guard.stdin.flush()


def children(pid: int) -> list[int]:
    """Return the pids of a process's children; none where the system does not tell."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


async def killed(pids: Iterable[int]) -> None:
    """Kill processes, and return when all of them are gone.

    Raises:
        EnvironmentProblem: one of them stays.
    """
    left = list(pids)
    for _ in range(round(_KILLED_S / _LOOK_S)):
        left = [pid for pid in left if _signalled(pid, signal.SIGKILL)]
        if not left:
            return
        await asyncio.sleep(_LOOK_S)
    raise EnvironmentProblem(f"processes that were killed are still there: {left}")


def _signalled(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _lost() -> EnvironmentProblem:
    return EnvironmentProblem(
        "the process that keeps the embedded servers has ended", "Something killed it: run loadcheck again."
    )


def _settle(waiting: "asyncio.Future[Process]", result: Process | EnvironmentProblem) -> None:
    """Tell who waits, unless it was cancelled."""
    if waiting.done():
        return
    if isinstance(result, Process):
        waiting.set_result(result)
    else:
        waiting.set_exception(result)


@asynccontextmanager
async def processes(account: Account | None) -> AsyncIterator[Processes]:
    """Keep a warden and a folder, which belongs to `account`, for as long as the context lasts.

    Raises:
        EnvironmentProblem: there is no place for the folder, or the warden cannot start.
    """
    guard = _guard(base_folder(account), account)
    transport, wire = await _wired(guard)
    try:
        await wire.opened
        yield wire
    finally:
        await _farewell(guard, wire)
        transport.close()


def _guard(base: Path, account: Account | None) -> subprocess.Popen[bytes]:
    owner = (str(account.uid), str(account.gid)) if account else ()
    return subprocess.Popen(
        [sys.executable, "-I", "-S", warden.__file__, str(base), *owner],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
    )


async def _wired(guard: subprocess.Popen[bytes]) -> tuple[asyncio.BaseTransport, Processes]:
    wire = Processes(guard)
    try:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: wire, guard.stdout)
    except BaseException:
        # Given up by Ctrl-C: the loop waits for the warden's end, and the warden for that of its stdin.
        _dismiss(guard)
        wire.opened.cancel()
        raise
    return transport, wire


def _dismiss(guard: subprocess.Popen[bytes]) -> None:
    assert guard.stdin  # noqa: S101 -- opened as a pipe
    with suppress(BrokenPipeError):
        guard.stdin.close()


async def _farewell(guard: subprocess.Popen[bytes], wire: Processes) -> None:
    """Let the warden stop everything, and wait for it; if that is cancelled, it does so alone."""
    _dismiss(guard)
    with suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL_S):
            await asyncio.shield(wire.gone)
