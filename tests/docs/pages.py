"""README and the pages in docs/: their code blocks, headings and links.

What follows the language of a code block says what a test does with it; none of it is shown to a reader.

sh            the commands are run, one page's from the top to the bottom in one copy of the repository, and succeed
sh exit=1     the last of them exits with 1
sh quick      they are run by `make test`, too
sh given      variables that people have for themselves: the test has others, of the same names
sh background it goes on while the commands after it are run
sh elsewhere  make targets that are too long for it, or run it
console       as sh, with what is printed: up to numbers, and … stands for any lines
LANG file=F   the text of the file F, which commands after it use
yaml          without a file: a part of a scenario, held against its schema
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.cli.command import REPOSITORY

PAGES: Final = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
COMMANDS: Final = frozenset({"sh", "console"})


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        language: What its text is written in.
        marks: What follows the language, by the part before the equals sign.
        text: What is in it.
        place: Its page and line, for messages.
    """

    language: str
    marks: dict[str, str]
    text: str
    place: str

    @property
    def commands(self) -> str:
        """What is run of it."""
        if self.language == "sh":
            return self.text
        return "".join(f"{line[2:]}\n" for line in self.text.splitlines() if line.startswith("$ "))

    @property
    def printed(self) -> str:
        """What its commands print; empty where it does not say."""
        if self.language == "sh":
            return ""
        return "".join(f"{line}\n" for line in self.text.splitlines() if not line.startswith("$ "))


@dataclass(frozen=True)
class Page:
    """A page, parsed."""

    path: Path

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return str(self.path.relative_to(REPOSITORY))

    @cached_property
    def _tokens(self) -> list[Token]:
        return MarkdownIt("commonmark").enable("table").parse(self.path.read_text(encoding="utf-8"))

    @property
    def blocks(self) -> Iterator[Block]:
        """Its fenced blocks, from the top."""
        for token in self._tokens:
            if token.type == "fence":
                language, *marks = token.info.split() or [""]
                assert token.map is not None
                pairs = {name: value for name, _, value in (mark.partition("=") for mark in marks)}
                yield Block(language, pairs, token.content, f"{self.name}:{token.map[0] + 1}")

    @property
    def indented(self) -> list[str]:
        """Code without a fence, which could not be marked."""
        return [token.content for token in self._tokens if token.type == "code_block"]

    @property
    def code(self) -> list[str]:
        """What stands in backticks within its sentences."""
        return [token.content for token in self._inline if token.type == "code_inline"]

    @property
    def links(self) -> list[str]:
        """Where its links and pictures lead."""
        links = [token.attrGet("href") or token.attrGet("src") for token in self._inline]
        return [str(link) for link in links if link]

    @property
    def anchors(self) -> set[str]:
        """Its headings, as links name them."""
        pairs = zip(self._tokens, self._tokens[1:], strict=False)
        return {_anchor(text.content) for head, text in pairs if head.type == "heading_open"}

    @property
    def _inline(self) -> list[Token]:
        return [child for token in self._tokens for child in token.children or ()]


def _anchor(heading: str) -> str:
    """Return what GitHub and GitLab make of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
