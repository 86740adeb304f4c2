"""Which version a program is, by its own word."""

import asyncio
import re
from typing import Final

from loadcheck.errors import EnvironmentProblem
from loadcheck.stack.programs import Program

_ANSWER_S: Final = 20.0
_VERSION: Final = re.compile(r"\d+(?:\.\d+)*\S*")


async def version(program: Program) -> str:
    """Ask the program for its version, such as `17.10`.

    Raises:
        EnvironmentProblem: it does not run on this machine.
    """
    code, answer = await _answer(program)
    match = _VERSION.search(answer)
    if code or match is None:
        last = answer.strip().splitlines()[-1:] or [f"it ends with exit code {code}"]
        raise EnvironmentProblem(
            f"{program.path} ({program.origin}) does not run here: {last[0]}",
            "Is it made for this machine, and are the libraries there that it needs?",
        )
    return match[0]


async def _answer(program: Program) -> tuple[int, str]:
    """Return exit code and output."""
    try:
        process = await asyncio.create_subprocess_exec(
            program.path,
            "--version",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"LC_ALL": "C", **program.environment},
        )
    except OSError as error:
        return 1, error.strerror or str(error)
    try:
        async with asyncio.timeout(_ANSWER_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return 1, f"no answer within {_ANSWER_S:.0f} s"
    return process.returncode or 0, output.decode(errors="replace")
