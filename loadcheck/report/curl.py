"""The command line that repeats an exchange: ready to paste, and without the token."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from loadcheck.record.redact import hide_tokens
from loadcheck.record.stored import StoredMessage
from loadcheck.report.program import program

LONGEST_BODY: Final = 2000  # characters; a longer one is not something to paste
_NARROWEST: Final = 20


@dataclass(frozen=True, slots=True)
class _Quoted:
    """Text that stands quoted in the command, and that may be broken anywhere."""

    text: str


_Word = list[str | _Quoted]
"""One or more arguments that belong together; its strings stand as they are."""


def curl_lines(message: StoredMessage, width: int) -> list[str]:
    """Return the curl command as lines of at most `width` cells that a shell reads as one.

    The token stands as the `loadcheck token` command that prints one, a secret header as a shell variable,
    and a body too long to paste as the file `body.json`.
    """
    layout = _Layout(max(width, _NARROWEST))
    words = list(_words(message))
    for word in words:
        layout.add(word, last=word is words[-1])
    return layout.lines


def quoted(text: str) -> str:
    r"""Return text as one word of a shell; control characters and the like stand as `$'\x1b'`."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_ansi_c, text)) + "'"


def _ansi_c(char: str) -> str:
    if char in "\\'":
        return "\\" + char
    if char.isprintable():
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "replace"))


def _words(message: StoredMessage) -> Iterator[_Word]:
    method = message["method"]
    option = {"GET": "", "HEAD": "--head "}.get(method, f"-X {method} ")
    yield [f"curl -sS -i {option}", _Quoted(message["url"])]
    if message["token"] is not None:
        token = [program(), *message["token"][1:]]
        yield ['-H "Authorization: Bearer $(', *_command(token), ')"']
    for name, value in message["headers"].items():
        yield ["-H ", _Quoted(f"{name}: {value}")] if value is not None else _secret_header(name)
    body = message["body"]
    if body is not None:
        yield ["--data-raw ", _Quoted(body)] if len(body) <= LONGEST_BODY else ["--data-binary @body.json"]


def _command(arguments: list[str]) -> Iterator[str | _Quoted]:
    for number, argument in enumerate(arguments):
        if number:
            yield " "
        yield _Quoted(argument)


def _secret_header(name: str) -> _Word:
    variable = re.sub(r"\W", "_", name, flags=re.ASCII).upper()
    return ["-H ", _Quoted(name + ": "), f'"${variable}"']


class _Layout:
    """Puts words on lines, each but the last ended by a backslash, which a shell drops with the line break.

    A word too long for a line is broken where no single quote is open, so that the backslash counts, and within a text
    only where a line cannot hold that. The next line then starts at its first column, for a space would end the word.
    """

    def __init__(self, width: int) -> None:
        self.lines: list[str] = []
        self._width = width
        self._line = ""

    def add(self, word: _Word, *, last: bool) -> None:
        """Begin a line with a word."""
        self._line = "  " if self.lines else ""
        for part in word:
            self._add_part(part)
        if not last and self._room < 0:
            self._break()
        self.lines.append(self._line if last else self._line + " \\")

    @property
    def _room(self) -> int:
        """Cells left on the line, two being kept for what ends it."""
        return self._width - cell_len(self._line) - 2

    def _break(self) -> None:
        self.lines.append(self._line + "\\")
        self._line = ""

    def _add_part(self, part: str | _Quoted) -> None:
        if isinstance(part, str):
            if len(part) > self._room:
                self._break()
            self._line += part
            return
        rest = hide_tokens(part.text)
        if self._room < cell_len(quoted(rest)) <= self._width - 2:
            self._break()
        while cell_len(quoted(rest)) > self._room:
            rest = self._add_piece(rest)
        self._line += quoted(rest)

    def _add_piece(self, rest: str) -> str:
        """Fill the line with as much of a text as it takes, and return what is left of it."""
        room = self._room
        lengths = range(min(room, len(rest)), 0, -1)
        length = next((n for n in lengths if cell_len(quoted(rest[:n])) <= room), 0)
        length = max(length, 0 if self._line else 1)
        self._line += quoted(rest[:length]) if length else ""
        self._break()
        return rest[length:]
