"""Telling of a stack's programs as they come up."""

from collections.abc import Callable

from loadcheck.clock import Clock


def untold(_: str) -> None:
    """Tell nobody."""


class Startup:
    """Tells of each program as soon as it answers: its version, and how long after the beginning that is.

    Args:
        told: Told it in a few words, such as `postgrest 12.0.2 answers after 2.1 s`.
        clock: Whose time it is; the beginning is now.
    """

    def __init__(self, told: Callable[[str], None], clock: Clock) -> None:
        self._told = told
        self._clock = clock
        self._began = clock.now()

    def answers(self, name: str, version: str) -> None:
        """Tell that a program answers; its version is empty where nobody knows it."""
        after = self._clock.now() - self._began
        self._told(f"{f'{name} {version}'.rstrip()} answers after {after:.1f} s")
