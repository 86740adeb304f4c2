"""What the doctor saw, for people and for programs."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from loadcheck import __version__
from loadcheck.doctor.line import Level, Line
from loadcheck.report.text import inert

_STYLES: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.WRONG: "bold red"}
_INDENT: Final = 2
_LEVEL: Final = max(map(len, Level)) + 2
_NARROWEST: Final = 40


def print_lines(console: Console, lines: Sequence[Line]) -> None:
    """Print every line with its fix, and how many there are of each level."""
    for about, group in groupby(lines, key=lambda line: line.about):
        console.print(Text(about, style="bold"))
        for line in group:
            for text in _written(line, max(console.width, _NARROWEST)):
                console.print(text, soft_wrap=True)
    counts = Counter(line.level for line in lines)
    console.print(f"{counts[Level.OK]} ok, {counts[Level.WARNING]} to look at, {counts[Level.WRONG]} wrong")


def as_json(scenario: str, lines: Sequence[Line], exit_code: int) -> dict[str, Any]:
    """Return the same as JSON."""
    told = [{"about": line.about, "level": line.level, "text": line.text, "fix": line.fix} for line in lines]
    return {"loadcheck": __version__, "schema": 1, "scenario": scenario, "exit_code": exit_code, "lines": told}


def _written(line: Line, width: int) -> Iterator[Text]:
    """Yield the line and, whole and so fit to be copied, its fix."""
    room = width - _INDENT - _LEVEL
    first, *rest = textwrap.wrap(inert(line.text), room, break_long_words=False) or [""]
    yield Text.assemble(" " * _INDENT, (f"{line.level:<{_LEVEL}}", _STYLES[line.level]), first)
    for more in rest:
        yield Text(" " * (_INDENT + _LEVEL) + more)
    if line.fix:
        yield Text.assemble(" " * (_INDENT + _LEVEL), ("fix: ", "dim"), inert(line.fix))
