"""The scenario reference as Markdown, made from the model: what each key means, and what it may hold."""

import json
from collections.abc import Iterator
from typing import Any, Final

from loadcheck.scenario.model import Scenario

_HEAD: Final = """\
# Scenario reference, version 1

Made from the model by `make docs`; do not edit it here. `loadcheck schema` prints the same for editors. Durations are
written like `250ms`, `10s` or `5m`, rates like `400/s`, shares like `0.1%`, sizes like `64MB`. `${VAR}` and
`${VAR:-default}` work in every text.
"""
_TABLE: Final = "| key | holds | default | meaning |\n|---|---|---|---|"


def reference() -> str:
    """Return the whole page."""
    schema = Scenario.model_json_schema()
    parts = {name: part for name, part in schema["$defs"].items() if part.get("properties")}
    words = {name: part for name, part in schema["$defs"].items() if "enum" in part}
    sections = [_section("The whole file", schema), *(_section(name, parts[name]) for name in sorted(parts))]
    sections += [_words(name, words[name]) for name in sorted(words)]
    return "\n".join([_HEAD, *sections])


def _section(name: str, part: dict[str, Any]) -> str:
    rows = [_row(key, value, required=key in part.get("required", ())) for key, value in part["properties"].items()]
    about = " ".join(part.get("description", "").split())
    return "\n".join(
        [f"## {name}\n", f"{about}\n", "| key | holds | default | meaning |", "|---|---|---|---|", *rows, ""]
    )


def _words(name: str, part: dict[str, Any]) -> str:
    about = " ".join(part.get("description", "").split())
    return f"## {name}\n\n{about}\n\n{', '.join(f'`{word}`' for word in part['enum'])}\n"


def _row(key: str, value: dict[str, Any], *, required: bool) -> str:
    default = value.get("default")
    # Of a part with a section of its own, that tells the defaults.
    told = isinstance(default, bool | int | float | str) and default != ""
    shown = "required" if required else f"`{json.dumps(default)}`" if told else ""
    holds = " or ".join(dict.fromkeys(_holds(value)))
    return f"| `{key}` | {holds} | {_cell(shown)} | {_cell(value.get('description', ''))} |"


def _holds(value: dict[str, Any]) -> Iterator[str]:
    """Yield what a key may hold, each as people name it."""
    for choice in [*value.get("anyOf", ()), *value.get("oneOf", ()), *value.get("allOf", ())]:
        yield from _holds(choice)
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        yield f"[{name}](#{name.lower()})"
    elif "const" in value:
        yield f"`{value['const']}`"
    elif "enum" in value:
        yield from (f"`{word}`" for word in value["enum"])
    elif value.get("type") == "array":
        yield f"list of {' or '.join(_holds(value.get('items', {}))) or 'values'}"
    elif value.get("type") == "object":
        inner = value.get("additionalProperties")
        yield f"mapping to {' or '.join(_holds(inner))}" if isinstance(inner, dict) and inner else "mapping"
    elif value.get("type") not in (None, "null"):
        yield {"string": "text", "integer": "whole number"}.get(value["type"], value["type"])
    elif not {"anyOf", "oneOf", "allOf", "type"} & value.keys():
        yield "anything"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
