"""What pages say that can be held against the program without running it."""

import re
import runpy
from collections.abc import Iterator
from typing import Any, Final

import click
import jsonschema
import pytest
import yaml

from loadcheck.cli.app import cli
from loadcheck.errors import ExitCode
from loadcheck.judge.verdict import Cause, Symptom
from loadcheck.scenario.schema import json_schema
from tests.cli.command import REPOSITORY
from tests.docs.pages import COMMANDS, PAGES, Block, Page
from tests.docs.shell import same

_MARKS: Final = frozenset({"exit", "quick", "given", "background", "elsewhere", "file"})
_OPTION: Final = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_CALL: Final = re.compile(r"(?:^|[\s/(])loadcheck ([a-z]+)\b((?:\\\n|[^\n|;&`])*)")
_PAGES: Final = [pytest.param(Page(path), id=Page(path).name) for path in PAGES]


def _options(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts} | {"--help"}


def _blocks(page: Page) -> Iterator[Block]:
    return (block for block in page.blocks if block.language in COMMANDS)


@pytest.mark.parametrize("page", _PAGES)
def test_links_lead_somewhere(page: Page) -> None:
    for link in page.links:
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        path = (page.path.parent / name).resolve() if name else page.path
        assert path.exists(), link
        assert not anchor or anchor in Page(path).anchors, link


@pytest.mark.parametrize("page", _PAGES)
def test_code_is_in_blocks_that_say_what_they_are(page: Page) -> None:
    assert page.indented == []
    for block in page.blocks:
        assert block.language, block.place
        assert block.marks.keys() <= _MARKS, block.place


@pytest.mark.parametrize("page", _PAGES)
def test_commands_and_options_are_there(page: Page) -> None:
    commands = cli.commands
    every = {option for command in commands.values() for option in _options(command)} | _options(cli)
    for code in page.code:
        assert {*_OPTION.findall(code)} <= every, code
    for text in [*page.code, *(block.commands for block in _blocks(page))]:
        for name, arguments in _CALL.findall(text):
            assert name in commands, text
            assert {*_OPTION.findall(arguments)} <= _options(commands[name]), text


@pytest.mark.parametrize("page", _PAGES)
def test_make_knows_the_targets(page: Page) -> None:
    targets = {*re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)}
    for block in _blocks(page):
        if "elsewhere" in block.marks:
            assert all(line.startswith("make ") for line in block.commands.splitlines()), block.place
    texts = [*page.code, *(block.commands for block in _blocks(page))]
    for name in re.findall(r"^make ([a-z-]+)", "\n".join(texts), re.MULTILINE):
        assert name in targets, name


@pytest.mark.parametrize("page", _PAGES)
def test_parts_of_scenarios_are_as_the_schema_says(page: Page) -> None:
    schema = json_schema()
    for block in page.blocks:
        if block.language == "yaml" and "file" not in block.marks:
            part: dict[str, Any] = yaml.safe_load(block.text)
            validator = jsonschema.Draft7Validator({**schema, "required": []})
            assert [error.message for error in validator.iter_errors(part)] == [], block.place


def test_what_is_shown_is_compared_up_to_numbers_and_widths() -> None:
    printed = "verdict: pass\n  1,493 answers checked\n\nlist   12  3.4 ms\nrun: reports/pets-20261123T093653Z\n"
    assert same("verdict: pass\n  7 answers checked\n\nlist 1 20 ms\nrun: reports/pets-1T2Z\n", printed)
    assert same("verdict: pass\n…\nrun: reports/pets-1T2Z\n", printed)
    assert not same("verdict: fail\n…\n", printed)
    assert not same("verdict: pass\n", printed)


def test_the_pictures_are_up_to_date() -> None:
    folder = REPOSITORY / "docs" / "pictures"
    drawn = runpy.run_path(str(folder / "draw.py"))["PICTURES"]
    for name, draw in drawn.items():
        assert (folder / f"{name}.svg").read_text(encoding="utf-8") == draw().svg(), "run `make docs`"


def test_every_symptom_cause_and_exit_code_is_told() -> None:
    findings = (REPOSITORY / "docs" / "findings.md").read_text(encoding="utf-8")
    told = {*re.findall(r"`([a-z-]+)`(?=[,| ][^|]*\|)", findings)}
    # What changed the data is told as drift, and is no finding's cause.
    assert {*map(str, Symptom), *map(str, Cause)} - {Cause.DRIFT} <= told
    for path in (REPOSITORY / "docs" / "exit-codes.md", REPOSITORY / "README.md"):
        rows = re.findall(r"^\| ([0-9, ]+) \|", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert sorted(int(code) for row in rows for code in row.split(",")) == sorted(ExitCode), path.name
