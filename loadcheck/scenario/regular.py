"""Reading only what is a file: a pipe may never answer, and a device may never end."""

import errno
import stat
from pathlib import Path
from typing import Final

_OTHERS: Final = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotAFileError(OSError):
    """There is something of that name, and nobody can tell when it would be read."""


def read_file(path: Path, at_most: int = -1) -> bytes:
    """Return what is in a file.

    Args:
        path: The file.
        at_most: How many bytes to read; -1: all.

    Raises:
        NotAFileError: it is a pipe, a socket or a device.
        OSError: it cannot be read, as that it is a folder, or not there.
        ValueError: it is not the name of a file.
    """
    if kind := _OTHERS.get(stat.S_IFMT(path.stat().st_mode)):
        raise NotAFileError(errno.EINVAL, f"{kind}, not a file", str(path))
    with path.open("rb") as file:
        return file.read(at_most)
