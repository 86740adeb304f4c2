"""The scenario as a run keeps it: with everything secret taken out."""

import re
from typing import Any, Final

import yaml

_HIDDEN: Final = "[redacted]"
_KEYS: Final = frozenset({"secret", "secret_base64", "private_key"})
_HEADERS: Final = re.compile(r"authorization|cookie|key|token|secret|password", re.IGNORECASE)
_SETTINGS: Final = re.compile(r"secret|password|uri|auth", re.IGNORECASE)
_CREDENTIALS: Final = re.compile(r"(://)[^/?#\s@]*@")


def redacted_yaml(data: dict[str, Any]) -> str:
    """Return a scenario as YAML without what is secret: keys, DSNs, passwords in URLs, and headers that carry them.

    Args:
        data: The scenario, as it was read and validated.
    """
    kept = dict(data)
    if isinstance(data.get("target"), dict):
        kept["target"] = _target(data["target"])
    if isinstance(data.get("stack"), dict):
        kept["stack"] = {key: _stack_value(value) for key, value in data["stack"].items()}
    kept["requests"] = [_request(request) for request in data["requests"]]
    return yaml.dump(kept, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.CSafeDumper):
    """Writes each value out, where another would write an alias of its first."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 -- the base's signature
        """Whether a value that occurs twice is written twice."""
        return True


def _target(target: dict[str, Any]) -> dict[str, Any]:
    kept = dict(target)
    if isinstance(target.get("url"), str):
        kept["url"] = _CREDENTIALS.sub(r"\1", target["url"])
    if target.get("database"):
        kept["database"] = _HIDDEN
    if "headers" in target:
        kept["headers"] = dict.fromkeys(target["headers"], _HIDDEN)
    if "jwt" in target:
        jwt = target["jwt"]
        kept["jwt"] = {key: _HIDDEN if key in _KEYS and value else value for key, value in jwt.items()}
    return kept


def _request(request: dict[str, Any]) -> dict[str, Any]:
    if "headers" not in request:
        return request
    headers = request["headers"]
    return {
        **request,
        "headers": {name: _HIDDEN if _HEADERS.search(name) else value for name, value in headers.items()},
    }


def _stack_value(value: Any) -> Any:
    if isinstance(value, str):
        return _CREDENTIALS.sub(r"\1", value)
    if not isinstance(value, dict):
        return value
    return {key: _HIDDEN if _SETTINGS.search(key) else _stack_value(inner) for key, inner in value.items()}
