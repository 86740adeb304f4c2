"""A terminal that nobody looks at: a program draws on it as it would for people."""

import os
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from threading import Thread
from typing import Final

_SIZE: Final = struct.pack("HHHH", 40, 120, 0, 0)  # lines, columns, and their pixels


@contextmanager
def screen() -> Iterator[int]:
    """Yield the terminal's file, for a program's standard output."""
    ours, theirs = os.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, _SIZE)
    reader = Thread(target=_read_all, args=(ours,))
    reader.start()
    try:
        yield theirs
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)


def _read_all(file: int) -> None:
    try:
        while os.read(file, 65536):
            pass
    except OSError:  # so Linux tells that no program has it open any more
        pass
