"""Telling of a stack's programs as they come up."""

import asyncio
from collections.abc import Callable, Iterable

from loadcheck.clock import Clock
from loadcheck.stack.programs import Program
from loadcheck.stack.versions import version


def untold(_: str) -> None:
    """Tell nobody."""


class Startup:
    """Tells of each program as soon as it answers: its version, and how long after the beginning that is.

    Args:
        told: Told it in a few words, such as `postgrest 12.0.2 answers after 2.1 s`.
        clock: Whose time it is; the beginning is now.

    Attributes:
        versions: Of the programs that were asked.
    """

    def __init__(self, told: Callable[[str], None], clock: Clock) -> None:
        self.versions: dict[str, str] = {}
        self._told = told
        self._clock = clock
        self._began = clock.now()

    async def ask_versions(self, programs: Iterable[Program]) -> None:
        """Ask the programs for their versions.

        Raises:
            EnvironmentProblem: one of them does not run on this machine.
        """
        async with asyncio.TaskGroup() as group:
            tasks = {program.name: group.create_task(version(program)) for program in programs}
        self.versions.update({name: task.result() for name, task in tasks.items()})

    def answers(self, name: str) -> None:
        """Tell that a program answers."""
        after = self._clock.now() - self._began
        self._told(f"{name} {self.versions.get(name, '')}".rstrip() + f" answers after {after:.1f} s")
