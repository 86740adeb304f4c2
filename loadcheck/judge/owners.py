"""Whose rows they are: the identities that should have got a row, or a whole answer."""

from collections.abc import Iterable
from hashlib import blake2b

from loadcheck.oracle.rows import DIGEST_BYTES, split
from loadcheck.oracle.truth import Truth


class Owners:
    """An index from rows to identities, for one request and one set of drawn values.

    Args:
        truths: Identities and their truths.
    """

    def __init__(self, truths: Iterable[tuple[int, Truth]]) -> None:
        self._of_row: dict[bytes, int] = {}
        self._of_whole: dict[bytes, int] = {}
        for identity, truth in truths:
            if truth.rows:
                self._of_whole.setdefault(_whole(split(truth.rows)), identity)
                for row in split(truth.rows):
                    self._of_row.setdefault(row, identity)

    def of_row(self, row: bytes) -> int | None:
        """Return an identity that should get the row, by the row's digest."""
        return self._of_row.get(row)

    def of_whole(self, rows: Iterable[bytes]) -> int | None:
        """Return an identity that should get exactly these rows, in any order."""
        return self._of_whole.get(_whole(rows))

    def in_both(self, other: "Owners") -> "Owners":
        """Return only what both indexes agree on: rows that had the same owner at both readings."""
        agreed = Owners(())
        agreed._of_row = dict(self._of_row.items() & other._of_row.items())  # noqa: SLF001 -- of the same class
        agreed._of_whole = dict(self._of_whole.items() & other._of_whole.items())  # noqa: SLF001 -- the same
        return agreed


NOBODY = Owners(())


def _whole(rows: Iterable[bytes]) -> bytes:
    return blake2b(b"".join(sorted(rows)), digest_size=DIGEST_BYTES).digest()
