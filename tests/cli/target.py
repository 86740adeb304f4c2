"""A stack that `loadcheck up` keeps, so that several runs need not start one each."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cli.command import read_until, started

_GIVEN = ("--url", "--database", "--jwt-secret")


@dataclass(frozen=True)
class Target:
    """Where it is, by the options that lead a run there."""

    given: dict[str, str]

    @property
    def options(self) -> list[str]:
        return [word for option in self.given.items() for word in option]


@contextmanager
def kept(scenario: Path) -> Iterator[Target]:
    """Keep the stack of a scenario for the length of the context."""
    with started("up", scenario) as process:
        told = read_until(process, "Ctrl-C")
        words = shlex.split(next(line for line in told.splitlines() if "loadcheck run" in line))
        yield Target({name: words[words.index(name) + 1] for name in _GIVEN})
