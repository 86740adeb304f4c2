"""Ending a run early: in order, at the first thing that is wrong, where the scenario asks for it."""

from collections.abc import Callable

from loadcheck.run.observer import Observer


class Halt:
    """Ends the load once.

    Args:
        wanted: Whether the run is to end when something is wrong.
        observer: Is told.

    Attributes:
        reason: Why the run was ended; empty when it was not.
    """

    def __init__(self, observer: Observer, *, wanted: bool) -> None:
        self.reason = ""
        self._wanted = wanted
        self._observer = observer
        self._stop: Callable[[], None] | None = None

    def arm(self, stop: Callable[[], None]) -> None:
        """Have the load ended by this from now on."""
        self._stop = stop

    def pull(self, reason: str) -> None:
        """End the load, if that is wanted; what is under way is still judged."""
        if not self._wanted or self.reason or self._stop is None:
            return
        self.reason = reason
        self._observer.step(f"stopping at the first failure: {reason}")
        self._stop()
