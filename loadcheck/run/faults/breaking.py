"""Which faults are on."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Breaking:
    """Keeps which faults are on, and which were since somebody last asked: many begin and end within a second."""

    def __init__(self) -> None:
        self._on: Counter[str] = Counter()
        self._lately: set[str] = set()

    @contextmanager
    def on(self, label: str) -> Iterator[None]:
        """Count a fault as on for the length of the context."""
        self._on[label] += 1
        self._lately.add(label)
        try:
            yield
        finally:
            self._on[label] -= 1

    def lately(self) -> list[str]:
        """Return the faults that were on since the last call, in alphabetical order."""
        told = sorted(self._lately)
        self._lately = {label for label, times in self._on.items() if times}
        return told
