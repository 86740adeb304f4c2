"""Whose rows they are: the identities that should have got a row, or a whole answer."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from loadcheck.oracle.rows import DIGEST_BYTES, split
from loadcheck.oracle.truth import Truth


class Owners:
    """An index from rows to identities, for one request and one set of drawn values.

    Args:
        truths: Identities and their truths.

    Attributes:
        moving: Whether rows were seen to come or go during the run.
        transferred: Whether a row was seen to change its owner during the run: then nobody can say whose it was.
    """

    def __init__(self, truths: Iterable[tuple[int, Truth]]) -> None:
        self.moving = False
        self.transferred = False
        self._of_row: dict[bytes, int] = {}
        self._of_whole: dict[bytes, int] = {}
        for identity, truth in truths:
            if truth.rows:
                self._of_whole.setdefault(_whole(split(truth.rows)), identity)
                for row in split(truth.rows):
                    self._of_row.setdefault(row, identity)

    @classmethod
    def of_answer(cls, whose: Mapping[bytes, int], digests: Iterable[bytes], whole: int | None) -> "Owners":
        """Return an index of no more than what is in one answer.

        Args:
            whose: Identities by the digests of its rows.
            digests: The digests of all its rows.
            whole: The identity that should have got just these rows.
        """
        owners = cls(())
        owners._of_row = dict(whose)
        owners._of_whole = {} if whole is None else {_whole(digests): whole}
        return owners

    def of_row(self, row: bytes) -> int | None:
        """Return an identity that should get the row, by the row's digest."""
        return self._of_row.get(row)

    def of_whole(self, rows: Iterable[bytes]) -> int | None:
        """Return an identity that should get exactly these rows, in any order."""
        return self._of_whole.get(_whole(rows))

    def later(self, truths: Iterable[tuple[int, Truth]]) -> "Owners":
        """Return the index as it is by truths read later, which remembers what has changed since the first."""
        later = Owners(truths)
        later.moving = self.moving or self._of_row.keys() != later._of_row.keys()
        moved = any(later._of_row.get(row, owner) != owner for row, owner in self._of_row.items())
        later.transferred = self.transferred or moved
        return later


NOBODY = Owners(())


def _whole(rows: Iterable[bytes]) -> bytes:
    return blake2b(b"".join(sorted(rows)), digest_size=DIGEST_BYTES).digest()
