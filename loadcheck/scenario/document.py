"""A scenario's YAML as a tree that remembers where everything stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from loadcheck.scenario.problems import Place

_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")

Loc = tuple[str | int, ...]
"""Keys and list indexes that lead to a value, such as `("requests", 0, "expect", "rows")`."""


@dataclass(slots=True, eq=False)
class Node:
    """A value and its place.

    Attributes:
        value: A scalar, or nodes in a list, or nodes by key. Variables are filled in.
        place: Where it begins.
        index: The same, in characters from the file's start; -1 when it is not from the file.
        keys: Of a mapping: where each key stands.
        size: How many values it is, with all within; one that several aliases name counts each time.
        height: How many levels of lists and mappings are within.
    """

    value: Any
    place: Place
    index: int = -1
    keys: dict[str, Place] = field(default_factory=dict)
    size: int = 1
    height: int = 0

    @property
    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: child.plain for key, child in self.value.items()}
        return [child.plain for child in self.value] if isinstance(self.value, list) else self.value

    def child(self, part: str | int) -> "Node | None":
        """Return the value of a key or of a list index; None when there is none."""
        if isinstance(self.value, dict):
            return self.value.get(part)
        if isinstance(self.value, list) and isinstance(part, int) and 0 <= part < len(self.value):
            item: Node = self.value[part]
            return item
        return None


@dataclass(frozen=True, slots=True)
class Document:
    """A whole file.

    Attributes:
        root: Its mapping.
        text: The file's text; may hold secrets, so its repr leaves it out.
    """

    root: Node = field(repr=False)
    text: str = field(repr=False)

    def path(self, loc: Loc) -> Loc:
        """Return the part of a location that exists; steps that do not are skipped."""
        return tuple(part for part, _, _ in self._walk(loc))

    def place(self, loc: Loc, offset: int | None = None) -> Place:
        """Return where a value is written: of a list or mapping, where its key is.

        Args:
            loc: Leads to the value. Where it leads to nothing, the place of the last that there is counts.
            offset: A character of the value, when it is a text.
        """
        place, node = self.root.place, self.root
        for part, parent, child in self._walk(loc):
            node = child
            place = parent.keys.get(str(part), child.place)
        if node is self.root or isinstance(node.value, dict | list) or node.value is None:
            return place
        return (None if offset is None else self._within(node, offset)) or node.place

    def key_place(self, loc: Loc) -> Place:
        """Return where a key itself is written."""
        parent, key = self.root, str(loc[-1])
        for _, _, child in self._walk(loc[:-1]):
            parent = child
        return parent.keys.get(key) or self.place(loc)

    def _walk(self, loc: Loc) -> Iterator[tuple[str | int, Node, Node]]:
        node = self.root
        for part in loc:
            if (child := node.child(part)) is not None:
                yield part, node, child
                node = child

    def _within(self, node: Node, offset: int) -> Place | None:
        """Return the place of a character of a text; None when the text is written with escapes or variables.

        YAML folds and indents, so a run of blanks in the text is any run of blanks in the file.
        """
        at = self._content(node.index) if node.index >= 0 else None
        if at is None:
            return None
        source, value = self.text, node.value
        for wanted in value[:offset].split():
            while at < len(source) and source[at].isspace():
                at += 1
            if not source.startswith(wanted, at):
                return None
            at += len(wanted)
        at = self._skip_blanks(at, value, offset)
        *ended, line = _LINE_BREAK.split(source[node.index : at])
        column = len(line) + (1 if ended else node.place.column)
        return Place(node.place.file, node.place.line + len(ended), column)

    def _skip_blanks(self, at: int, value: str, offset: int) -> int:
        """Move over the blanks between what was found and the character that is meant."""
        before, after = value[:offset][-1:], value[offset : offset + 1]
        at_word_start = not after.isspace() and (not before or before.isspace())
        while at_word_start and at < len(self.text) and self.text[at].isspace():
            at += 1
        return at

    def _content(self, index: int) -> int | None:
        """Return where the characters of a scalar begin, after its quote or its block header."""
        first = self.text[index : index + 1]
        if first in {"|", ">"}:
            end = self.text.find("\n", index)
            return end + 1 if end >= 0 else None
        return index + 1 if first in {"'", '"'} else index
