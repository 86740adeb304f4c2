"""Files that the user names: refused before anything is sent if they cannot be written, and written at the end."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from loadcheck.errors import ExitCode, ReportNotWritten, UsageProblem


class Text(NamedTuple):
    """What goes into a file."""

    path: Path
    text: str
    mode: Literal["w", "a"] = "w"


def refuse_unwritable(paths: Iterable[Path], to_come: Path | None = None) -> None:
    """Refuse files that nothing could be written to, before a run has taken its time.

    Args:
        paths: The files that the user named.
        to_come: A folder that will be there by then.

    Raises:
        UsageProblem: one cannot be written.
    """
    for path in paths:
        if path.parent != to_come and (obstacle := _obstacle(path)):
            raise UsageProblem(f"{path} cannot be written: {os.strerror(obstacle)}")


def write_files(texts: Iterable[Text], judged: ExitCode = ExitCode.PASS) -> None:
    """Write every file that can be written.

    Raises:
        ReportNotWritten: one could not be; it exits as `judged`, unless that was a pass.
    """
    problems = [problem for text in texts if (problem := _written(text))]
    if problems:
        raise ReportNotWritten("\n".join(problems), judged)


def _written(text: Text) -> str:
    try:
        with text.path.open(text.mode, encoding="utf-8", newline="") as file:
            file.write(text.text)
    except OSError as error:
        return f"{text.path} cannot be written: {error.strerror}"
    return ""


def _obstacle(path: Path) -> int:
    """Return the error that writing would end with, or 0; nothing is opened, for a pipe would be at its end then."""
    try:
        if path.is_dir():
            return errno.EISDIR
        place = path if path.exists() else path.parent
        if not place.exists():
            return errno.ENOENT
        if place is not path and not place.is_dir():
            return errno.ENOTDIR
    except OSError as error:
        return error.errno or errno.EACCES
    return 0 if os.access(place, os.W_OK) else errno.EACCES
