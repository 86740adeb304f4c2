"""Truth: the oracle's answer, kept as digests."""

from dataclasses import dataclass

from loadcheck.oracle.rows import DIGEST_BYTES, as_rows, digest, parse, row_digest, show


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Truth:
    """What the right answer is for one request, identity and set of variables.

    Attributes:
        text: Digest of the rows as PostgreSQL itself writes them as one JSON array. PostgREST lets PostgreSQL write
            its answer too, so most right answers are recognised by their bytes.
        rows: The digests of the rows, in order, one after another.
        total: The count that is expected of the whole result; None when none is.
        version: The version of the data it was read at: PostgreSQL's snapshot. Two readings with the same one have
            nothing committed between them. Empty for what the scenario itself says.
    """

    text: bytes
    rows: bytes
    total: int | None
    version: str

    @property
    def row_count(self) -> int:
        """How many rows are expected."""
        return len(self.rows) // DIGEST_BYTES

    def agrees(self, other: "Truth") -> bool:
        """Whether two readings, at different times, found the same."""
        return self.rows == other.rows and self.total == other.total


@dataclass(frozen=True, slots=True)
class Reading:
    """A truth together with the rows it was made from, for evidence.

    Attributes:
        rows: Each row as JSON text.
    """

    truth: Truth
    rows: tuple[str, ...]


def truth_of(text: str, total: int | None, version: str) -> Truth:
    """Make the truth from rows as PostgreSQL wrote them, one JSON array."""
    rows = b"".join(map(row_digest, as_rows(parse(text))))
    return Truth(text=digest(text), rows=rows, total=total, version=version)


def reading_of(text: str, total: int | None, version: str) -> Reading:
    """Make a reading from rows as PostgreSQL wrote them, one JSON array."""
    return Reading(truth_of(text, total, version), tuple(map(show, as_rows(parse(text)))))
