"""The scenario format as a JSON Schema (draft-07), for editors and for suggestions."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from loadcheck.scenario.document import Loc
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.request import METHODS

_VARIABLE: Final = {"type": "string", "pattern": r"\$\{"}
_SCALARS: Final = frozenset({"integer", "number", "boolean"})
_DROPPED: Final = frozenset({"title", "gt", "ge", "lt", "le", "discriminator", "format", "writeOnly"})
_EXACTLY_ONE: Final[dict[str, list[tuple[str, ...]]]] = {
    "Request": [METHODS],
    "Phase": [("concurrency", "rate"), ("duration", "requests", "exchanges")],
}


@cache
def json_schema() -> dict[str, Any]:
    """Return the schema. Where a number or one of a few words is expected, a text with a `${VAR}` does, too."""
    made = Scenario.model_json_schema()
    for name, choices in _EXACTLY_ONE.items():
        made["$defs"][name]["allOf"] = [{"oneOf": [{"required": [key]} for key in keys]} for keys in choices]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "loadcheck scenario, version 1",
        **_schema(made),
    }


def keys_at(loc: Loc) -> list[str]:
    """Return the keys that the format knows at a location."""
    found = [json_schema()]
    for part in loc:
        found = [child for schema in found for child in _children(schema, part)]
    keys = (schema.get("properties", {}) for schema in found for schema in _alternatives(schema))
    return list(dict.fromkeys(key for properties in keys for key in properties))


def _schema(node: dict[str, Any]) -> dict[str, Any]:
    """Turn a schema as pydantic makes it into draft-07."""
    schema = {key: _keyword(key, value) for key, value in node.items() if key not in _DROPPED}
    if "oneOf" in schema and "required" not in schema["oneOf"][0]:
        schema["anyOf"] = schema.pop("oneOf")
    if "anyOf" in schema:
        schema["anyOf"] = _flat(schema["anyOf"])
    if "prefixItems" in node:
        schema["items"] = schema.pop("prefixItems")
    if "$ref" in schema and len(schema) > 1:
        schema["allOf"] = [{"$ref": schema.pop("$ref")}]
    return _or_variable(schema)


def _flat(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the choices without choices in them, and without variables where any text will do."""
    flat = [one for choice in choices for one in (choice["anyOf"] if [*choice] == ["anyOf"] else [choice])]
    any_text = {"type": "string"} in flat
    return [one for at, one in enumerate(flat) if one not in flat[:at] and not (any_text and one == _VARIABLE)]


def _keyword(key: str, value: Any) -> Any:
    if key in {"properties", "$defs"}:
        return {name: _schema(schema) for name, schema in value.items()}
    if key in {"anyOf", "oneOf", "allOf", "prefixItems"}:
        return [_schema(schema) for schema in value]
    if key in {"items", "additionalProperties"} and isinstance(value, dict):
        return _schema(value)
    return value


def _or_variable(schema: dict[str, Any]) -> dict[str, Any]:
    """Let a text with a variable in it stand where only certain values are allowed."""
    restricted = schema.get("type") in _SCALARS or any(key in schema for key in ("enum", "const", "pattern"))
    if not restricted or schema == _VARIABLE:
        return schema
    about: dict[str, Any] = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    return {**about, "anyOf": [schema, _VARIABLE]}


def _alternatives(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the schema and everything that it may be instead, references resolved."""
    yield schema
    if "$ref" in schema:
        yield from _alternatives(json_schema()["$defs"][schema["$ref"].rpartition("/")[2]])
    for inner in [*schema.get("anyOf", []), *schema.get("allOf", [])]:
        yield from _alternatives(inner)


def _children(schema: dict[str, Any], part: str | int) -> Iterator[dict[str, Any]]:
    for one in _alternatives(schema):
        if isinstance(part, int):
            found = one.get("items")
        else:
            found = one.get("properties", {}).get(part, one.get("additionalProperties"))
        if isinstance(found, dict):
            yield found
