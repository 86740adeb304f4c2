"""Who the servers run as: PostgreSQL refuses root, and no server of the stack needs it."""

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadcheck.errors import EnvironmentProblem

_NOBODY: Final = 65534
_BASES: Final = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 -- what is made there has a random name, mode 0700
_ANYONE_READS: Final = stat.S_IROTH
_ANYONE_ENTERS: Final = stat.S_IXOTH


@dataclass(frozen=True, slots=True)
class Account:
    """A user, by number, whom privileges are dropped to."""

    uid: int
    gid: int


def unprivileged() -> Account | None:
    """Return whom the servers run as; None: as the caller, who is not root."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(_NOBODY, _NOBODY)
    return Account(nobody.pw_uid, nobody.pw_gid)


def base_folder(account: Account | None) -> Path:
    """Return the folder to put the stack's own folder in.

    Raises:
        EnvironmentProblem: as root, there is none that another user can enter.
    """
    given = tempfile.gettempdir()
    if account is None:
        return Path(given)
    for base in (given, *_BASES):
        if os.access(base, os.W_OK) and enterable(Path(base)):
            return Path(base)
    raise EnvironmentProblem(
        f"PostgreSQL does not run as root, and no other user can enter the temporary folder {given}",
        "Set TMPDIR to a folder that everyone can enter, such as /tmp, or run loadcheck as a plain user.",
    )


def enterable(folder: Path) -> bool:
    """Whether anyone can enter the folder, and so reach what anyone may read in it."""
    path = folder.resolve()
    return all(_mode(step) & _ANYONE_ENTERS for step in (path, *path.parents))


def runnable(program: Path) -> bool:
    """Whether anyone can run the program where it is."""
    mode = _mode(program)
    return bool(mode & _ANYONE_READS and mode & _ANYONE_ENTERS) and enterable(program.parent)


def private_file(path: Path, text: str, account: Account | None) -> Path:
    """Write a file that only the account (None: only the caller) can read, in place of one that is there."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        if account is not None:
            os.fchown(handle, account.uid, account.gid)
        file.write(text)
    return path


def private_folder(path: Path, account: Account | None) -> Path:
    """Make a folder that only the account (None: only the caller) can enter."""
    path.mkdir(mode=0o700)
    if account is not None:
        os.chown(path, account.uid, account.gid)
    return path


def bring(source: Path, destination: Path) -> None:
    """Copy a file or a folder, by hard links where possible, so that anyone who gets there can use it."""
    destination.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if source.is_file():
        _link_or_copy(str(source), str(destination))
        return
    shutil.copytree(source, destination, symlinks=True, copy_function=_link_or_copy)
    for folder, _, _ in os.walk(destination):
        Path(folder).chmod(0o755)


def _link_or_copy(source: str, destination: str) -> None:
    """Hard-link what anyone may use already; never change a mode through a link."""
    mode = _mode(Path(source))
    needed = _ANYONE_READS | (_ANYONE_ENTERS if mode & stat.S_IXUSR else 0)
    if mode & needed == needed and _linked(source, destination):
        return
    shutil.copyfile(source, destination)
    Path(destination).chmod(0o755 if mode & stat.S_IXUSR else 0o644)


def _linked(source: str, destination: str) -> bool:
    try:
        os.link(source, destination)
    except OSError:
        return False
    return True


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0
