"""What a history keeps when it may not grow without end: whole identities, never single exchanges."""

import zlib
from typing import Final

_HASHES: Final = 1 << 32


class Sampling:
    """Keeps every identity at first, and half as many each time that half of the room that was left is used.

    Identities are chosen by a hash of their label: those that a smaller share keeps were always kept, so that what is
    known of them is whole.

    Args:
        limit: Bytes.

    Attributes:
        share: The share of identities that is kept now; 0 when there is no room left.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.share = 1.0

    def grown(self, size: int) -> bool:
        """Take note of how many bytes there are; return whether fewer identities are kept from now on."""
        before = self.share
        while self._limit * (1 - self.share / 2) < size < self._limit:
            self.share /= 2
        if size >= self._limit:
            self.share = 0.0
        return self.share < before

    def keeps(self, label: str) -> bool:
        """Whether the identity with this label is kept."""
        return self.share == 1 or zlib.crc32(label.encode()) < self.share * _HASHES
