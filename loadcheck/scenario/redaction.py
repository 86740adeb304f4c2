"""The scenario as a run keeps it: with everything secret taken out."""

import re
from typing import Any, Final

import yaml

from loadcheck.scenario.model import Scenario
from loadcheck.scenario.request import Request

HIDDEN: Final = "[redacted]"
"""What stands in place of a secret."""
_HEADERS: Final = re.compile(r"authorization|cookie|key|token|secret|password", re.IGNORECASE)
_SETTINGS: Final = re.compile(r"secret|password|uri|auth", re.IGNORECASE)
_CREDENTIALS: Final = re.compile(r"(://)[^/?#\s@]*@")
_SECRET: Final = re.compile(r"\*{10}")  # what pydantic writes for a SecretStr that is not empty


def redacted_yaml(scenario: Scenario) -> str:
    """Return a scenario as YAML without what is secret."""
    return as_yaml(redacted(scenario))


def redacted(scenario: Scenario) -> dict[str, Any]:
    """Return what a scenario says, without keys, DSNs, passwords in URLs, and headers that carry them."""
    data = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if "target" in data:
        data["target"] = _target(data["target"])
    if "stack" in data:
        data["stack"] = _without_credentials(_hidden(data["stack"], _SETTINGS))
    if "faults" in data:
        data["faults"] = [_without_credentials(fault) for fault in data["faults"]]
    for request in data["requests"]:
        if "headers" in request:
            request["headers"] = _hidden(request["headers"], _HEADERS)
    return data


def secret_headers(request: Request) -> set[str]:
    """Return the names, in lower case, of a request's headers whose values are not shown."""
    return {name.lower() for name in request.headers if _HEADERS.search(name)}


def as_yaml(data: dict[str, Any]) -> str:
    """Return YAML for people to read."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.CSafeDumper):
    """Writes a value that occurs twice out twice, where another would write an alias."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 -- the base's signature
        """Whether to."""
        return True


def _target(target: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = _without_credentials(_masked(target))
    if kept.get("jwt", {}).get("private_key"):
        kept["jwt"]["private_key"] = HIDDEN
    return kept


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(inner) for key, inner in value.items()}
    return HIDDEN if isinstance(value, str) and _SECRET.fullmatch(value) else value


def _hidden(value: Any, secret: re.Pattern[str]) -> Any:
    """Hide what has a secret's name."""
    if not isinstance(value, dict):
        return value
    return {key: HIDDEN if secret.search(key) else _hidden(inner, secret) for key, inner in value.items()}


def _without_credentials(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_credentials(inner) for key, inner in value.items()}
    return _CREDENTIALS.sub(r"\1", value) if isinstance(value, str) else value
