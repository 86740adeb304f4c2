"""The commands of README and docs, as they are written, against the real programs."""

import asyncio
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack

import pytest
import yaml

from tests.cli.command import REPOSITORY
from tests.docs.pages import COMMANDS, PAGES, Block, Page
from tests.docs.service import service
from tests.docs.shell import copy_repository, shell

_PAGES = [Page(path) for path in PAGES]
_RUN = [pytest.param(page, id=page.name) for page in _PAGES if any(b.language in COMMANDS for b in page.blocks)]


def _steps(page: Page, *, quick: bool) -> Iterator[Block]:
    """Yield what is written or run, from the top."""
    for block in page.blocks:
        runs = block.language in COMMANDS and "elsewhere" not in block.marks and ("quick" in block.marks or not quick)
        if runs or "file" in block.marks:
            yield block


def _read(steps: Iterable[Block], given: Mapping[str, str], *, activated: bool) -> None:
    with shell(given, activated=activated) as reader:
        for block in steps:
            reader.run(block)


_QUICK = [page for page in _PAGES if any("quick" in block.marks for block in page.blocks)]


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in _QUICK])
def test_what_is_quick(page: Page) -> None:
    _read(_steps(page, quick=True), {}, activated=True)


@pytest.mark.docs
@pytest.mark.parametrize("page", _RUN)
async def test_every_command(page: Page) -> None:
    steps = [*_steps(page, quick=False)]
    async with AsyncExitStack() as stack:
        given = await stack.enter_async_context(service()) if any("given" in block.marks for block in steps) else {}
        await asyncio.to_thread(_read, steps, given, activated=page.name != "README.md")


@pytest.mark.docs
@pytest.mark.parametrize("host", ["GitHub", "GitLab"])
def test_the_jobs_that_are_shown(host: str) -> None:
    page = Page(REPOSITORY / "docs" / "ci.md")
    jobs = {block.marks["file"]: yaml.safe_load(block.text) for block in page.blocks if block.language == "yaml"}
    github, gitlab = jobs[".github/workflows/row-security.yml"], jobs[".gitlab-ci.yml"]["row security"]
    scripts = {
        "GitHub": [step["run"] for step in github["jobs"]["loadcheck"]["steps"] if "run" in step],
        "GitLab": [*gitlab["before_script"], *gitlab["script"]],
    }
    with shell({}, activated=False) as reader:
        # The checkout of loadcheck, and the Python of the job.
        copy_repository(reader.folder / ".loadcheck")
        for script in [f"{sys.executable} -m venv .job && . .job/bin/activate", *scripts[host]]:
            reader.run(Block("sh", {}, script, page.name))
