"""The fault `do: run`: a command of the user's breaks something, another one mends it."""

import asyncio
import re
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from loadcheck.errors import EnvironmentProblem
from loadcheck.scenario.fault import Fault
from loadcheck.scenario.target import Target
from loadcheck.tasks import to_its_end

_ENDS_WITHIN_S: Final = 60.0
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class CommandFault:
    """Runs the commands of `do: run`, in the scenario's folder and without a shell.

    Attributes:
        target: What the placeholders stand for.
        folder: The scenario's.
    """

    target: Target
    folder: Path

    @asynccontextmanager
    async def breaking(self, fault: Fault, _chance: Random) -> AsyncIterator[None]:
        """Run `start` as the context is entered, and `stop` as it is left; also where `start` has failed.

        Cancelling ends `start`, but never `stop`: half mended, the target would stay broken when the run is over.

        Raises:
            EnvironmentProblem: a command cannot be run, or fails; it tells of both where both do.
        """
        failed: list[str] = []
        try:
            failed += await _failures(self._run("start", fault.start))
            if not failed:
                yield
        finally:
            failed += await _failures(to_its_end(self._run("stop", fault.stop)))
            if failed:
                raise EnvironmentProblem(", and ".join(failed))

    async def _run(self, name: str, command: str | None) -> None:
        if command is None:
            return
        known = {
            "url": self.target.url,
            "database": self.target.database.get_secret_value(),
            "folder": str(self.folder.absolute()),
            "python": sys.executable,
        }
        code = await _exit_code(name, [_filled(word, known) for word in shlex.split(command)], self.folder)
        if code:
            raise EnvironmentProblem(f"`{name}` ended with exit code {code}")


async def _failures(work: Awaitable[None]) -> list[str]:
    try:
        await work
    except EnvironmentProblem as problem:
        return [problem.message]
    return []


async def _exit_code(name: str, words: list[str], folder: Path) -> int:
    """Run a command to its end; what it prints may hold secrets, so that nobody sees it."""
    nowhere = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *words, cwd=folder, stdin=nowhere, stdout=nowhere, stderr=nowhere
        )
    except OSError as error:
        raise EnvironmentProblem(f"`{name}` cannot be run: {error.strerror}") from None
    try:
        async with asyncio.timeout(_ENDS_WITHIN_S):
            return await process.wait()
    except TimeoutError:
        raise EnvironmentProblem(f"`{name}` did not end within {_ENDS_WITHIN_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _filled(word: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match[1]], word)
