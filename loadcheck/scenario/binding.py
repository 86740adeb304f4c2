"""`:name` in SQL: found with PostgreSQL's own lexer, and bound, never pasted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Final

import postgast
from postgast.pg_query_pb2 import NO_KEYWORD, ScanToken, Token

CLAIMS: Final = "claims"
"""The name that binds all claims, as jsonb."""

_COLON: Final = Token.ASCII_58
_SEMICOLON: Final = Token.ASCII_59
_COMMENTS: Final = frozenset({Token.SQL_COMMENT, Token.C_COMMENT})
# What an array slice's colon follows, as in `days[1:last]`, and what a value never does.
_OPERANDS: Final = frozenset(
    {Token.ICONST, Token.IDENT, Token.PARAM, Token.ASCII_41, Token.ASCII_93}  # the last two are `)` and `]`
)


class SqlError(ValueError):
    """SQL that PostgreSQL's lexer or parser does not take.

    Attributes:
        message: Why, as PostgreSQL puts it.
        offset: Where, in characters from the statement's start.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(frozen=True)
class Bound:
    """A statement whose `:name`s were found.

    Attributes:
        pieces: The SQL around them, one more than there are.
        binds: The names, in the order in which they stand, each as often as it does.
    """

    pieces: tuple[str, ...]
    binds: tuple[str, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names, each once: the first is `$1`."""
        return tuple(dict.fromkeys(self.binds))

    @cached_property
    def sql(self) -> str:
        """The statement for PostgreSQL: parameters `$1` to `$n` in the order of `names`, all of type text."""
        return self.render(self._parameter)

    def render(self, replacement: Callable[[str], str]) -> str:
        """Return the statement with something else in each name's place.

        Args:
            replacement: Returns what stands for a name, without its colon.
        """
        filled = zip_longest(self.pieces, map(replacement, self.binds), fillvalue="")
        return "".join(part for pair in filled for part in pair)

    def source_offset(self, at: int) -> int:
        """Return the place in the statement as it was written of a place in `sql`, both in characters."""
        source = 0
        for piece, name in zip_longest(self.pieces, self.binds):
            if name is None or at < len(piece):
                return source + min(at, len(piece))
            at -= len(piece) + len(self._parameter(name))
            source += len(piece) + len(name) + 1
            if at < 0:
                return source - len(name) - 1
        return source

    def _parameter(self, name: str) -> str:
        parameter = f"(${self.names.index(name) + 1}::text)"
        return f"({parameter}::jsonb)" if name == CLAIMS else parameter

    def offsets(self) -> Iterator[tuple[str, int]]:
        """Yield each bind with the place of its colon, in characters from the statement's start."""
        at = 0
        for piece, name in zip(self.pieces, self.binds, strict=False):
            at += len(piece)
            yield name, at
            at += len(name) + 1


def bind(sql: str) -> Bound:
    """Find the `:name`s of a statement; those in strings, comments and quoted names are not any.

    A semicolon that ends the statement is left out, so that it can become a part of another.

    Raises:
        SqlError: PostgreSQL's lexer does not take it.
    """
    source = sql.encode()
    tokens = _scan(sql)
    pieces, binds, end = [""], list[str](), 0
    for at, token in enumerate(tokens):
        if not _is_bind(tokens, at, source):
            continue
        name = tokens[at + 1]
        pieces[-1] = source[end : token.start].decode()
        binds.append(source[name.start : name.end].decode())
        pieces.append("")
        end = name.end
    pieces[-1] = _without_last_semicolon(source, end, tokens)
    return Bound(tuple(pieces), tuple(binds))


def _scan(sql: str) -> list[ScanToken]:
    if "\0" in sql:
        raise SqlError("a NUL character in SQL", sql.index("\0"))
    try:
        return list(postgast.scan(sql).tokens)
    except postgast.PgQueryError as error:
        raise SqlError(error.message, max(error.cursorpos - 1, 0)) from None


def _is_bind(tokens: list[ScanToken], at: int, source: bytes) -> bool:
    colon = tokens[at]
    if colon.token != _COLON or at + 1 == len(tokens):
        return False
    name = tokens[at + 1]
    named = name.token == Token.IDENT or name.keyword_kind != NO_KEYWORD
    adjacent = name.start == colon.end and source[name.start : name.start + 1] != b'"'
    return named and adjacent and (at == 0 or tokens[at - 1].token not in _OPERANDS)


def _without_last_semicolon(source: bytes, start: int, tokens: list[ScanToken]) -> str:
    rest = source[start:].decode()
    last = next((token for token in reversed(tokens) if token.token not in _COMMENTS), None)
    if last is None or last.token != _SEMICOLON:
        return rest
    return (source[start : last.start] + b" " + source[last.end :]).decode()
