"""`--set a.b.0.c=VALUE`: values of the scenario replaced from the command line."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml

from loadcheck.scenario.document import Document, Node
from loadcheck.scenario.problems import Place, Problems, did_you_mean
from loadcheck.scenario.reader import read_flow
from loadcheck.scenario.scalars import plain_scalar


def override(document: Document, overrides: Mapping[str, str], problems: Problems) -> Document:
    """Return the document with values replaced; what cannot be replaced goes to the problems.

    Args:
        document: The scenario.
        overrides: Values by dotted path, whose parts are keys, list indexes or the names of list items, such as
            `load.steady.duration`. A value is read as YAML has it in one line: a scalar, `[a list]` or
            `{a: mapping}`; an empty one is empty text.
        problems: Where mistakes are kept.
    """
    root = document.root
    for path, written in overrides.items():
        place = Place(f"--set {path}")
        try:
            new = _node(written, place, problems)
            root = root if new is None else _replaced(root, path.split("."), new, place)
        except ValueError as error:
            message, _, hint = str(error).partition("\n")
            problems.add(place, message, hint)
    return Document(root, document.text)


def _replaced(node: Node, path: list[str], new: Node, place: Place) -> Node:
    """Return a copy of the node with one value replaced; an alias of it elsewhere stays as it is."""
    if not path:
        return new
    if isinstance(node.value, list):
        index = _index(node.value, path[0])
        items = [*node.value]
        items[index] = _replaced(items[index], path[1:], new, place)
        return replace(node, value=items)
    return _with_key(node, path, new, place)


def _with_key(node: Node, path: list[str], new: Node, place: Place) -> Node:
    """Return a copy of a mapping with one value replaced; keys that are not there yet are made."""
    key, known = path[0], {} if node.value is None else node.value
    if not isinstance(known, dict):
        raise ValueError(f"`{key}` leads nowhere: what comes before it is not a list or a mapping")  # noqa: TRY004 -- told to the user
    value = {**known, key: _replaced(known.get(key) or Node({}, place), path[1:], new, place)}
    return replace(node, value=value, keys={**node.keys, key: node.keys.get(key, place)})


def _index(items: list[Node], part: str) -> int:
    names = [_name(item) for item in items]
    if part in names:
        return names.index(part)
    if part.isdecimal() and part.isascii() and int(part[:9]) < len(items):
        return int(part)
    hint = did_you_mean(part, [name for name in names if name])
    raise ValueError(f"`{part}` is neither the name nor the index of one of these {len(items)}\n{hint}")


def _name(item: Node) -> str:
    name = item.child("name")
    return name.value if name is not None and isinstance(name.value, str) else ""


def _node(written: str, place: Place, problems: Problems) -> Node | None:
    if written[:1] not in {"[", "{"}:
        return Node(_scalar(written), place)
    read = read_flow(written, place.file, problems)
    return None if read is None else _placed(read, place)


def _placed(node: Node, place: Place) -> Node:
    """Return the same value with one place for all in it, which is not in the scenario's file."""
    value = node.value
    if isinstance(value, dict):
        value = {key: _placed(child, place) for key, child in value.items()}
    elif isinstance(value, list):
        value = [_placed(child, place) for child in value]
    return replace(node, value=value, place=place, index=-1, keys=dict.fromkeys(node.keys, place))


def _scalar(written: str) -> Any:
    """Return a value as YAML has it, quotes and all; what is not one scalar of YAML is taken as text."""
    if written[:1] not in {"'", '"'}:
        return plain_scalar(written) if written else ""
    try:
        node = yaml.compose(written, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return written
    return node.value if isinstance(node, yaml.ScalarNode) else written
