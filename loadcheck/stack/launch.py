"""Starting one program of the stack and waiting until it answers, or telling why it does not."""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from loadcheck.errors import EnvironmentProblem
from loadcheck.stack.account import Account, bring, private_file, runnable
from loadcheck.stack.ports import LOOPBACK, PortTaken
from loadcheck.stack.processes import Order, Process, Processes
from loadcheck.stack.programs import POSTGRES, Program

Probe = Callable[[], Awaitable[bool]]
"""Whether a program answers by now; takes a few seconds at most, and is cancelled when there is no time left."""

_TITLES: Final = {
    "postgres": "PostgreSQL",
    "pgbouncer": "PgBouncer",
    "postgrest": "PostgREST",
    "pooler": "the pooler",
    "gateway": "the gateway",
}
_READY_S: Final = 30.0
# One that was up before is started again under load, after a crash perhaps, or while others are away.
_READY_AGAIN_S: Final = 180.0
_RUN_S: Final = 60.0
_END_S: Final = 20.0
_KILLED_S: Final = 10.0
_POLL_S: Final = 0.02
_PROBE_S: Final = 1.0
_TAKEN: Final = re.compile("address (already )?in use", re.IGNORECASE)
_TAIL_LINES: Final = 12
_TAIL_BYTES: Final = 16_384


class Launcher:
    """Starts the programs of one stack.

    Args:
        processes: What starts them and keeps them.
        account: Whom the servers run as; None: the caller.

    Attributes:
        folder: The stack's folder.
        dismissed: The pids of programs that were ended on purpose.
    """

    def __init__(self, processes: Processes, account: Account | None) -> None:
        self.folder = processes.folder
        self.account = account
        self._processes = processes
        self._secrets: set[str] = set()
        self._answered: set[str] = set()
        self.dismissed: set[int] = set()

    def keep_secret(self, *secrets: str) -> None:
        """Take out of every log that is shown."""
        self._secrets.update(secret for secret in secrets if secret)

    def private(self, name: str, text: str) -> Path:
        """Write a file of the stack's folder that only the servers can read."""
        return private_file(self.folder / name, text, self.account)

    def reachable(self, program: Program) -> Program:
        """Return the program at a place where the servers' account can run it: where it is, or a copy."""
        if self.account is None or runnable(program.path):
            return program
        copy = self.folder / "programs" / program.name
        for source, name in _parts(program):
            bring(source, copy / name)
        libraries = copy / "lib" if program.libraries else None
        return Program(program.name, copy / "bin" / program.path.name, program.origin, libraries)

    def environment(self, program: Program) -> dict[str, str]:
        """Return a server's whole environment: none of the caller's PG* or PGRST_* settings."""
        path = os.environ.get("PATH", os.defpath)
        return {"PATH": path, "HOME": str(self.folder), "LC_ALL": "C", "TZ": "UTC", **program.environment}

    async def launch(self, order: Order, probe: Probe) -> Process:
        """Start a program and return when it answers.

        Raises:
            PortTaken: its port is in use by another program.
            EnvironmentProblem: it cannot start, ended, or did not answer in time.
        """
        await self._end_former(order)
        (self.folder / f"{order.name}.log").unlink(missing_ok=True)
        process = await self._processes.start(order)
        patience = _READY_AGAIN_S if order.name in self._answered else _READY_S
        try:
            async with asyncio.timeout(patience):
                await self._answers(process, probe)
        except TimeoutError:
            problem = self._problem(process, f"did not answer within {patience:.0f} s")
            await self.end(process, order.stop)  # or it would be in the way of the next one
            raise problem from None
        self._answered.add(order.name)
        return process

    async def end(self, process: Process, how: signal.Signals, patience: float = _END_S) -> bool:
        """End a program on purpose, so that nobody takes it for a failure, and return when it has ended.

        Args:
            process: The program.
            how: What it is asked to end with.
            patience: Seconds until it is killed instead.

        Returns:
            Whether it ended as it was asked to.

        Raises:
            EnvironmentProblem: not even that ended it.
        """
        self.dismissed.add(process.pid)
        if await _ends(process, how, patience):
            return True
        if not await _ends(process, signal.SIGKILL, _KILLED_S):
            raise self._problem(process, "was killed, and did not end")
        return False

    async def run(self, order: Order) -> None:
        """Start a program and return when it has ended well.

        Raises:
            EnvironmentProblem: it cannot start, or failed.
        """
        process = await self._processes.start(order)
        try:
            async with asyncio.timeout(_RUN_S):
                code = await asyncio.shield(process.ended)
        except TimeoutError:
            raise self._problem(process, f"did not end within {_RUN_S:.0f} s") from None
        if code:
            raise self.ended(process)

    def ended(self, process: Process) -> EnvironmentProblem:
        """Return the message about a program that has ended."""
        code = process.ended.result()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return self._problem(process, how)

    async def _end_former(self, order: Order) -> None:
        """End the one that had the name, if it still runs: who gave up ending it has not waited for that."""
        former = self._processes.running.get(order.name)
        if former is not None:
            await self.end(former, order.stop)

    async def _answers(self, process: Process, probe: Probe) -> None:
        # A stranger may answer on the port that this program did not get: its own end counts first.
        while not (await probe() and not process.ended.done()):
            if process.ended.done():
                raise self.ended(process)
            await asyncio.wait([process.ended], timeout=_POLL_S)

    def _problem(self, process: Process, what: str) -> EnvironmentProblem:
        tail = self._tail(process.log)
        kind = PortTaken if _TAKEN.search(tail) else EnvironmentProblem
        title = _TITLES.get(process.name, process.name)
        return kind(
            f"{title} of the embedded stack {what}",
            f"The end of its log:\n{tail}" if tail else "Its log is empty.",
        )

    def _tail(self, log: Path) -> str:
        """Return the last lines of a log, secrets taken out."""
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return "\n".join(f"  {line}" for line in text.rstrip().splitlines()[-_TAIL_LINES:])


async def _ends(process: Process, signalled: signal.Signals, patience: float) -> bool:
    """Whether a program ends within so many seconds of a signal."""
    if not process.ended.done():
        with suppress(ProcessLookupError):
            os.kill(process.pid, signalled)
    await asyncio.wait([process.ended], timeout=patience)
    return process.ended.done()


def _parts(program: Program) -> Iterator[tuple[Path, str]]:
    """What a copy of the program needs, each with its place in the copy."""
    if program.name == POSTGRES.name:
        tree = program.path.parent.parent
        yield from ((tree / part, part) for part in ("bin", "lib", "share") if (tree / part).is_dir())
        return
    yield program.path, f"bin/{program.path.name}"
    if program.libraries:
        yield program.libraries, "lib"


async def port_answers(port: int) -> bool:
    """Whether somebody accepts connections on the port."""
    try:
        async with asyncio.timeout(_PROBE_S):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
