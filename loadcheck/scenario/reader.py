"""From a file's text to a document: YAML, read event by event, so that nothing in it can take long or nest deep."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import yaml

from loadcheck.scenario.document import Document, Node
from loadcheck.scenario.problems import Place, Problems, nearest
from loadcheck.scenario.scalars import plain_scalar
from loadcheck.scenario.variables import VariableError, substitute

_MAX_VALUES: Final = 200_000
_MAX_DEPTH: Final = 50
_TEXT_TAGS: Final = frozenset({"!", "tag:yaml.org,2002:str"})
_MERGE: Final = "<<"

_HINTS: Final = {
    "found character that cannot start any token": "indent with spaces, not tabs; quote what begins with @ % or `",
    "mapping values are not allowed in this context": "a value with `: ` in it needs quotes; or the indentation is off",
    "did not find expected ',' or '}'": "within { } a value with , { } or ${…} in it needs quotes",
    "did not find expected ',' or ']'": "within [ ] a value with , [ ] or ${…} in it needs quotes",
    "did not find expected key": "the indentation is off, or a quote is missing",
    "found unexpected end of stream": "a closing quote is missing",
    "could not find expected ':'": "is a `:` missing, or a quote?",
    "found unknown escape character": "use single quotes, within which a backslash is plain",
}


class _Unreadable(Exception):
    """The rest of the file cannot be read."""

    def __init__(self, place: Place, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.place = place
        self.message = message
        self.hint = hint


@dataclass(slots=True, eq=False)
class _Open:
    """A list or mapping that is being read."""

    node: Node
    anchor: str | None
    key: str | None = None
    merged: list[Node] = field(default_factory=list)


def read(text: str, file: str, environ: Mapping[str, str], problems: Problems) -> Document | None:
    """Read a file's text; what is wrong with it goes to the problems.

    Args:
        text: The whole file.
        file: Its name in messages.
        environ: The variables.
        problems: Where mistakes are kept.

    Returns:
        The document; None when it cannot be read to its end or is not a mapping.
    """
    reader = _Reader(file, environ, problems)
    root = reader.mapping() if reader.read(text) else None
    return None if root is None else Document(root, text)


def read_flow(written: str, file: str, problems: Problems) -> Node | None:
    """Read a list or mapping that stands alone, such as `{mode: session}`; a `${` in it is plain text.

    Args:
        written: It begins with a bracket or a brace.
        file: What it is called in messages.
        problems: Where mistakes are kept.

    Returns:
        The list or mapping; None when it cannot be read to its end.
    """
    reader = _Reader(file, {}, problems)
    return reader.root if reader.read(written.replace("${", "$${")) else None


class _Reader:
    """Builds the tree of one document.

    Attributes:
        root: The tree; None until it is whole.
    """

    def __init__(self, file: str, environ: Mapping[str, str], problems: Problems) -> None:
        self._file = file
        self._environ = environ
        self._problems = problems
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self.root: Node | None = None
        self._values = 0

    def read(self, text: str) -> bool:
        """Read the whole text, and return whether that could be done; what is wrong goes to the problems."""
        try:
            for event in yaml.parse(text, Loader=yaml.CSafeLoader):
                self._take(event)
        except _Unreadable as stop:
            self._problems.add(stop.place, stop.message, stop.hint)
        except yaml.MarkedYAMLError as error:
            _add_syntax_error(error, self._file, self._problems)
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            place = Place(self._file, before.count("\n") + 1, len(before) - before.rfind("\n"))
            hint = "write it as an escape in double quotes"
            self._problems.add(place, "a control character, which YAML does not allow", hint)
        else:
            return True
        return False

    def mapping(self) -> Node | None:
        """Return the document's mapping; what else it may be is a mistake."""
        if self.root is None or (self.root.value is None and not self.root.height):
            self._problems.add(Place(self._file), "the file is empty", "a scenario begins with `name:`")
            return None
        if not isinstance(self.root.value, dict):
            self._problems.add(self.root.place, "a scenario is a mapping (`key: value`)", "it begins with `name:`")
            return None
        return self.root

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._start(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end()
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent() if self.root is not None:
                raise _Unreadable(self._place(event), "a second document", "put each scenario into a file of its own")

    def _node(self, value: Any, event: yaml.Event) -> Node:
        # The parser marks every event, though its types leave room for one that is not.
        return Node(value, self._place(event), cast("yaml.Mark", event.start_mark).index)

    def _place(self, event: yaml.Event) -> Place:
        mark = cast("yaml.Mark", event.start_mark)
        return Place(self._file, mark.line + 1, mark.column + 1)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        place = self._place(event)
        if self._takes_key():
            self._key(event.value, place, plain=event.implicit[0])
            if event.anchor:
                self._anchors[event.anchor] = self._node(event.value, event)
            return
        self._check_tag(event.tag, place, _TEXT_TAGS)
        node = self._node(self._value(event, place), event)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._add(node)

    def _value(self, event: yaml.ScalarEvent, place: Place) -> bool | float | str | None:
        written = event.value
        try:
            if "${" in written:
                return substitute(written, self._environ)
            return plain_scalar(written) if event.implicit[0] else str(written)
        except VariableError as error:
            self._problems.add_unreadable(place, error.message, self._variable_hint(error))
        except ValueError as error:
            self._problems.add(place, str(error), "quote it where text will do, or let SQL give it")
        # A name that no variable has must not look like a placeholder, too.
        return str(written).replace("${", "$")

    def _variable_hint(self, error: VariableError) -> Callable[[], str]:
        def hint() -> str:
            near = nearest(error.name, self._environ) if error.name else ""
            return f"did you mean ${{{near}}}?" if near else error.hint

        return hint

    def _check_tag(self, tag: str | None, place: Place, known: frozenset[str]) -> None:
        if tag is not None and tag not in known:
            self._problems.add(place, "tags such as !!int mean nothing in a scenario", "leave it out")

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        place = self._place(event)
        if self._takes_key():
            raise _Unreadable(place, "a key must be text", "a text that begins with { or [ needs quotes")
        if len(self._open) >= _MAX_DEPTH:
            raise _Unreadable(place, f"more than {_MAX_DEPTH} levels deep: nothing in a scenario needs that")
        mapping = isinstance(event, yaml.MappingStartEvent)
        self._check_tag(event.tag, place, frozenset({"tag:yaml.org,2002:map" if mapping else "tag:yaml.org,2002:seq"}))
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append(_Open(self._node({} if mapping else [], event), event.anchor))

    def _end(self) -> None:
        done = self._open.pop()
        for merged in done.merged:
            self._merge(done.node, merged)
        if done.anchor:
            self._anchors[done.anchor] = done.node
        self._add(done.node)

    def _alias(self, event: yaml.AliasEvent) -> None:
        place, name = self._place(event), event.anchor or ""
        node = self._anchors.get(name)
        if node is None:
            what = "stands within what it names" if name in self._anchors else "names no anchor before it"
            raise _Unreadable(place, f"the alias *{name} {what}", _anchor_hint(name, self._anchors))
        if self._takes_key():
            self._key(str(node.value), place, plain=False)
            return
        if len(self._open) + node.height > _MAX_DEPTH:
            raise _Unreadable(place, f"more than {_MAX_DEPTH} levels deep: nothing in a scenario needs that")
        self._values += node.size - 1
        self._add(node, alias_at=place)

    def _takes_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].node.value, dict) and self._open[-1].key is None

    def _key(self, key: str, place: Place, *, plain: bool) -> None:
        parent = self._open[-1]
        parent.key = key
        if plain and key == _MERGE:
            return
        if key in parent.node.keys:
            first = parent.node.keys[key].line
            self._problems.add(place, f"`{key}` is given twice", f"the first is in line {first}: leave one out")
        else:
            parent.node.keys[key] = place

    def _add(self, node: Node, alias_at: Place | None = None) -> None:
        self._values += 1
        if self._values > _MAX_VALUES:
            raise _Unreadable(
                alias_at or node.place,
                f"more than {_MAX_VALUES:,} values, with what aliases repeat",
                "a scenario is not the place for data: let SQL give the rows and identities",
            )
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.node.size += node.size
        parent.node.height = max(parent.node.height, node.height + 1)
        self._put(parent, node, alias_at or node.place)

    def _put(self, parent: _Open, node: Node, place: Place) -> None:
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
            return
        key, parent.key = parent.key, None
        if key == _MERGE and key not in parent.node.keys:
            self._collect_merge(parent, node, place)
        elif key is not None:
            parent.node.value.setdefault(key, node)

    def _collect_merge(self, parent: _Open, node: Node, place: Place) -> None:
        sources = node.value if isinstance(node.value, list) else [node]
        if all(isinstance(source.value, dict) for source in sources):
            parent.merged += sources
        else:
            self._problems.add(place, "`<<` merges mappings only", "give it an alias of a mapping, or a list of them")

    def _merge(self, into: Node, source: Node) -> None:
        for key, child in source.value.items():
            if key not in into.value:
                into.value[key] = child
                into.keys[key] = source.keys[key]


def _anchor_hint(name: str, anchors: Mapping[str, Node | None]) -> str:
    near = nearest(name, (known for known in anchors if known != name))
    return f"did you mean *{near}?" if near else "a text that begins with * needs quotes"


def _add_syntax_error(error: yaml.MarkedYAMLError, file: str, problems: Problems) -> None:
    mark = error.problem_mark or error.context_mark
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
    problem = error.problem or "it cannot be read"
    begun = error.context_mark
    where = f" (in what begins in line {begun.line + 1})" if begun and mark and begun.line != mark.line else ""
    problems.add(place, f"not YAML: {problem}{where}", _HINTS.get(problem, ""))
