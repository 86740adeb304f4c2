"""The warden: a process of its own that starts the stack's programs and outlives loadcheck only to stop them.

It runs by its path, without the rest of loadcheck, in its own session, so that a terminal's Ctrl-C does not
reach it. Orders come as JSON lines on stdin, reports leave as JSON lines on stdout. Whatever ends loadcheck,
SIGKILL included, closes the warden's stdin: it then stops every program, the last started first, removes the
stack's folder and ends.

    order    {"name": "", "argv": [], "env": {}, "cwd": "", "log": "", "stop": 15, "account": [uid, gid]}
    reports  {"folder": ""} first; for each order {"name": "", "pid": 7} or {"name": "", "error": ""};
             {"name": "", "exit": 0} when a program has ended

It has one thread: so code may run between fork and exec, and "parent died" means the warden itself.
"""

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

GRACE_S: Final = 0.7
"""How long a program may take to end by itself; four of them still end within the five seconds promised."""

_POSTGRES_GRACE_S: Final = 2.0
_ORPHANS_S: Final = 1.0
_ORPHANS_POLL_S: Final = 0.01
_PATROL_S: Final = 1.0
_READ_BYTES: Final = 65536
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class _Program:
    name: str
    stop: int
    process: subprocess.Popen[bytes]


class _Warden:
    """Keeps the programs of one stack.

    Args:
        folder: The stack's folder, which goes with it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs: list[_Program] = []
        self._parent = os.getppid()
        self._serving = True
        self._unread = b""

    def serve(self) -> None:
        """Obey until loadcheck is gone or a signal says to stop."""
        with selectors.DefaultSelector() as selector:
            selector.register(sys.stdin.fileno(), selectors.EVENT_READ, self._obey)
            selector.register(self._wakeups(), selectors.EVENT_READ, self._reap)
            _report(folder=str(self._folder))
            # A forked child of loadcheck could keep our stdin open: the parent's pid tells all the same.
            while self._serving and os.getppid() == self._parent:
                for key, _ in selector.select(_PATROL_S):
                    react: Callable[[int], None] = key.data
                    react(key.fd)

    def close(self) -> None:
        """Stop every program and remove the folder."""
        for program in reversed(self._programs):
            _stop(program)
        _end_orphans()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wakeups(self) -> int:
        """Return a descriptor that becomes readable at each signal."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        return reading

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._serving = False

    def _obey(self, stdin: int) -> None:
        received = os.read(stdin, _READ_BYTES)
        self._serving = self._serving and bool(received)
        *orders, self._unread = (self._unread + received).split(b"\n")
        for order in orders:
            self._start(json.loads(order))

    def _start(self, order: dict[str, Any]) -> None:
        name = order["name"]
        try:
            process = _started(order)
        except (OSError, subprocess.SubprocessError) as error:
            _report(name=name, error=str(error))
            return
        self._programs.append(_Program(name, order["stop"], process))
        _report(name=name, pid=process.pid)

    def _reap(self, wakeups: int) -> None:
        os.read(wakeups, _READ_BYTES)
        for program in list(self._programs):
            if (code := program.process.poll()) is not None:
                self._programs.remove(program)
                _report(name=program.name, exit=code)
        _bury({program.process.pid for program in self._programs})


def _report(**report: object) -> None:
    # Nobody may be left to read it; the end of stdin then says so too.
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), json.dumps(report).encode() + b"\n")


def _started(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    uid, gid = order["account"] or (None, None)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            order["argv"],
            env=order["env"],
            cwd=order["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
            # Runs after the change of user, which would otherwise reset it.
            preexec_fn=_dying_with(os.getpid(), _last_resort(order["stop"])),  # noqa: PLW1509 -- one thread
        )
    finally:
        os.close(log)


def _last_resort(stop: int) -> int:
    """PostgreSQL ends its backends at SIGQUIT only; from the others SIGKILL takes any choice."""
    return stop if stop == signal.SIGQUIT else signal.SIGKILL


def _dying_with(warden: int, number: int) -> Callable[[], None]:
    """Return what makes Linux send `number` to the calling process when the warden is gone."""

    def bind() -> None:
        _prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != warden:
            os._exit(1)

    return bind


def _prctl(option: int, value: int) -> None:
    if _LIBC is not None:
        _LIBC.prctl(option, value, 0, 0, 0)


def _stop(program: _Program) -> None:
    grace = _POSTGRES_GRACE_S if program.stop == signal.SIGQUIT else GRACE_S
    _signal(program, program.stop)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.process.wait(grace)
    _signal(program, signal.SIGKILL)
    program.process.wait()


def _signal(program: _Program, number: int) -> None:
    """Signal the program's whole group: what it has started goes with it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.process.pid, number)


def _end_orphans() -> None:
    """Kill what left its program's group; as the subreaper of all of it, the warden is its parent now."""
    deadline = time.monotonic() + _ORPHANS_S
    while (orphans := _children()) and time.monotonic() < deadline:
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        time.sleep(_ORPHANS_POLL_S)


def _bury(programs: set[int]) -> None:
    """Reap what has ended and is not a program's first process: what a killed PostgreSQL leaves is the warden's."""
    with contextlib.suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in programs:
                return  # its own report is due first, by the signal that is on its way
            os.waitpid(ended.si_pid, os.WNOHANG)


def _children() -> list[int]:
    """Return the pids of this process's children; none where the system does not tell."""
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


def main(base: str, account: list[int]) -> None:
    """Serve from a new folder in `base`, which belongs to `account` (uid and gid; empty: the caller)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    folder = Path(tempfile.mkdtemp(prefix="loadcheck-", dir=base))
    if account:
        os.chown(folder, *account)
    warden = _Warden(folder)
    try:
        warden.serve()
    finally:
        warden.close()


if __name__ == "__main__":
    main(sys.argv[1], [int(number) for number in sys.argv[2:]])
