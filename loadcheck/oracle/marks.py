"""Marks: what every row that a run writes carries, so that its writer is known for certain, whoever reads it."""

import re
from dataclasses import dataclass
from typing import Final

_PREFIX: Final = "lc"
_FORM: Final = re.compile(rf"{_PREFIX}-([0-9a-f]{{8}})-(\d{{1,9}})-(\d{{1,9}})-(\d{{1,18}})")


@dataclass(frozen=True, slots=True)
class Mark:
    """Which write made a row.

    Attributes:
        request: Index into the scenario's requests.
        identity: Index into the population: the writer.
        seq: The position of the write in the run's sequence of inputs.
    """

    request: int
    identity: int
    seq: int


class Marks:
    """Makes and reads the marks of one run.

    Args:
        run: Eight hexadecimal digits that tell this run from others.

    Attributes:
        pattern: The regular expression, as PostgreSQL reads it, that every mark of this run matches, and no other text.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self.pattern = rf"^{_PREFIX}-{run}-[0-9]+-[0-9]+-[0-9]+$"

    def text(self, mark: Mark) -> str:
        """Return a mark as it stands in its row."""
        return f"{_PREFIX}-{self.run}-{mark.request}-{mark.identity}-{mark.seq}"

    def read(self, text: object) -> Mark | None:
        """Return the mark that a column holds; None when it holds none of this run."""
        match = _FORM.fullmatch(text) if isinstance(text, str) else None
        if match is None or match[1] != self.run:
            return None
        return Mark(int(match[2]), int(match[3]), int(match[4]))
