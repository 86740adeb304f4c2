"""The scenario's own programs: the command lines under `run:`, with their placeholders."""

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from loadcheck.errors import EnvironmentProblem
from loadcheck.scenario.stack import Program
from loadcheck.stack.account import private_folder
from loadcheck.stack.launch import Launcher, port_answers
from loadcheck.stack.ports import on_free_ports
from loadcheck.stack.processes import Order, Process

_ADVICE: Final = "Its program must be on the PATH, or be named as seen from the scenario's folder, such as ./proxy"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


async def run_command(
    name: str, command: Program, values: Mapping[str, str], folder: Path, launcher: Launcher
) -> tuple[int, Process]:
    """Start one of the scenario's programs as the caller; return its port, which answers by then, and itself.

    Args:
        name: What its folder and its process are called, such as pooler or gateway.
        command: The scenario's command line.
        values: What its placeholders stand for, save for port, folder and python.
        folder: The scenario's folder, absolute; it becomes the working directory.
        launcher: What starts it.

    Raises:
        EnvironmentProblem: it cannot be started, ended, or does not listen on its port.
    """
    own = private_folder(launcher.folder / name, None)

    async def start(ports: tuple[int, ...]) -> tuple[int, Process]:
        known = {**values, "port": str(ports[0]), "folder": str(own), "python": sys.executable}
        argv = tuple(_filled(word, known) for word in shlex.split(command.run))
        try:
            process = await launcher.launch(Order(name, argv, os.environ, folder), lambda: port_answers(ports[0]))
        except EnvironmentProblem as problem:
            raise EnvironmentProblem(problem.message, problem.advice or _ADVICE) from None
        return ports[0], process

    return await on_free_ports(1, start)


def _filled(word: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match[1]], word)
