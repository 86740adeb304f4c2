"""Text that came from elsewhere, made fit for a terminal: inert, on one line, and no wider than its place."""

import codecs
import re
from typing import Final, TextIO

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from loadcheck.record.redact import hide_tokens

# What a console without Unicode shows in place of the signs that loadcheck itself uses, each one cell wide.
_PLAIN_SIGNS: Final = str.maketrans(
    {"…": "~", "─": "-", "━": "=", "╸": "=", "╺": "-"} | dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True))
)
_PLAIN: Final = "loadcheck-plain"
_LONGEST: Final = 20_000  # characters looked at; nothing shows more
_BREAKS: Final = re.compile(r"[\t\r\n]+")


def inert(text: str) -> str:
    r"""Return the text on one line, with nothing in it that a terminal would obey and no token.

    Control characters, line separators, and marks that turn the direction of writing show as `\x1b`.
    """
    one_line = _BREAKS.sub(" ", hide_tokens(text[:_LONGEST]))
    return "".join(char if char.isprintable() else _escaped(char) for char in one_line)


def cut(text: str, width: int) -> str:
    """Return the text, inert and at most `width` cells wide; what is left out shows as `…`."""
    text = inert(text)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…"


def plain(text: str, style: str = "") -> Text:
    """Return inert text that is neither marked up nor highlighted."""
    return Text(inert(text), style=style)


def make_printable(stream: TextIO) -> None:
    """Let a stream take any text, whatever its encoding: what it cannot show becomes a sign that it can."""
    encoding = (getattr(stream, "encoding", "") or "").lower().replace("_", "-")
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        codecs.register_error(_PLAIN, _plain_signs)
        reconfigure(errors="backslashreplace" if encoding.startswith("utf") else _PLAIN)


def _plain_signs(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end].translate(_PLAIN_SIGNS)
    return "".join(sign if sign.isascii() else "?" for sign in signs), error.end


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
