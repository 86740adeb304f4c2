"""Where the end of a server under test is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from loadcheck.errors import LoadcheckError


class Lookout:
    """Takes the news that one of the embedded servers has ended by itself.

    While the load is on, that ends it in order: what was found until then must not be lost. Before and after, there is
    nothing to save, and the run ends at once.

    Attributes:
        problem: What ended the load; None as long as nothing did.
        revivals: A sentence for each time that one ended and was started again.
    """

    def __init__(self) -> None:
        self.problem: LoadcheckError | None = None
        self.revivals: list[str] = []
        self._stop: Callable[[], None] | None = None

    @contextmanager
    def during(self, stop: Callable[[], None]) -> Iterator[None]:
        """Have `stop` end the load, for as long as the context lasts."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    def tell(self, problem: LoadcheckError) -> None:
        """Take the news.

        Raises:
            LoadcheckError: the problem, where no load is on.
        """
        if self._stop is None:
            raise problem
        self.problem = problem
        self._stop()
