"""The commands of one page, run one after another in a copy of the repository, as somebody does who reads it."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from loadcheck.stack.programs import POSTGREST, Finder
from tests.cli.command import REPOSITORY
from tests.docs.pages import Block

_SECONDS: Final = 600
_OWN: Final = ("LOADCHECK_", "PGRST_", "PG", "VIRTUAL_ENV", "PYTHON", "PYTEST", "FORCE_COLOR")
_NUMBER: Final = re.compile(r"[0-9][0-9.,]*")


@dataclass
class Shell:
    """A shell that keeps its variables from block to block, and its folder.

    Attributes:
        folder: The copy of the repository.
        given: What `given` blocks set here.
    """

    folder: Path
    given: Mapping[str, str]
    _behind: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, block: Block) -> None:
        """Do what the block's marks say, and hold it to what it says."""
        if "file" in block.marks:
            path = self.folder / block.marks["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif "given" in block.marks:
            names = re.findall(r"^export (\w+)=", block.text, re.MULTILINE)
            self._checked(block, "".join(f'export {name}="${{GIVEN_{name}:?}}"\n' for name in names))
        elif "background" in block.marks:
            self._begin(block)
        else:
            self._checked(block, block.commands)

    def end(self) -> None:
        """End what runs in the background, as Ctrl-C does."""
        for process in self._behind:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(_SECONDS)

    def _checked(self, block: Block, commands: str) -> None:
        done = subprocess.run(
            self._bash(f"{commands}\nexport -p > .variables"),
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        wanted = int(block.marks.get("exit", "0"))
        assert done.returncode == wanted, f"{block.place} exits with {done.returncode}:\n{done.stdout}"
        if block.printed:
            assert same(block.printed, done.stdout), f"{block.place} prints:\n{done.stdout}"

    def _begin(self, block: Block) -> None:
        process = subprocess.Popen(
            # What bash starts behind itself ignores Ctrl-C; a shell of its own that becomes the program does not.
            self._bash(f"exec {block.commands}"),
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._behind.append(process)

    def _bash(self, commands: str) -> list[str]:
        return ["bash", "-euo", "pipefail", "-c", f"[ ! -e .variables ] || . ./.variables\n{commands}"]

    def _environment(self) -> dict[str, str]:
        postgrest = Finder().find(POSTGREST)
        assert postgrest is not None
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        path = os.pathsep.join([*_plain_path(), str(postgrest.path.parent)])
        given = {f"GIVEN_{name}": value for name, value in self.given.items()}
        return {**kept, **given, "PATH": path, "COLUMNS": "80", "NO_COLOR": "1"}


@contextmanager
def shell(given: Mapping[str, str], *, activated: bool) -> Iterator[Shell]:
    """Keep a copy of the repository for the length of the context, and a shell in it.

    Args:
        given: What `given` blocks set here.
        activated: Whether the virtual environment is in use from the start.
    """
    with tempfile.TemporaryDirectory(prefix="loadcheck-docs-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the stack's programs run as another user where loadcheck runs as root
        copy_repository(folder)
        (folder / ".venv").symlink_to(REPOSITORY / ".venv")
        reader = Shell(folder, given)
        if activated:
            (folder / ".variables").write_text(". .venv/bin/activate\n")
        try:
            yield reader
        finally:
            reader.end()


def copy_repository(folder: Path) -> None:
    """Copy what is in version control or could be, as it is just now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 -- the system's own
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (source := REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)


def same(shown: str, printed: str) -> bool:
    """Whether what a page shows is what was printed, up to numbers, widths and the lines that … stands for."""
    pattern = "".join("(?:.*\n)*?" if line == "…" else f"{re.escape(line)}\n" for line in _lines(shown))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _lines(printed))) is not None


def _lines(text: str) -> list[str]:
    return [" ".join(_NUMBER.sub("0", line).split()) for line in text.strip().splitlines()]


def _plain_path() -> list[str]:
    """Return the PATH without the environment that the tests run in."""
    own = str(REPOSITORY / ".venv" / "bin")
    return [folder for folder in os.environ["PATH"].split(os.pathsep) if folder != own]
