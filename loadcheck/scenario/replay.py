"""A scenario that replays a few exchanges of another one, as a file that stands for itself."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadcheck.scenario.model import Scenario
from loadcheck.scenario.phase import Planned
from loadcheck.scenario.redaction import HIDDEN, as_yaml, redacted


@dataclass(frozen=True, slots=True)
class Replay:
    """What is replayed.

    Attributes:
        name: Of the new scenario.
        description: Of the new scenario.
        folder: What the other one's files are relative to, absolute.
        exchanges: In the order of sending.
        concurrency: By how many clients.
        repeat: How often.
        count: By the name of a mix that counts its identities: how many of them matter; without an entry, all do.
    """

    name: str
    description: str
    folder: Path
    exchanges: tuple[Planned, ...]
    concurrency: int
    repeat: int
    count: Mapping[str, int]


def replay_yaml(scenario: Scenario, replay: Replay) -> str:
    """Return the scenario of a replay: what it does not need is left out, and each secret is a variable.

    Args:
        scenario: The one that the exchanges are of.
        replay: What is replayed.
    """
    data = _escaped(redacted(scenario))
    requests = {one.request for one in replay.exchanges}
    phase = {"name": "replay", "concurrency": replay.concurrency, "repeat": replay.repeat}
    exchanges = [one.model_dump(mode="json", exclude_defaults=True) for one in replay.exchanges]
    return as_yaml(
        {
            "name": replay.name,
            "description": replay.description,
            "target": _target(data.get("target", {})),
            "stack": _stack(data.get("stack", {}), replay.folder),
            "identities": list(_identities(data["identities"], replay)),
            "requests": [_with_variables(one) for one in data["requests"] if one["name"] in requests],
            "load": [{**phase, "exchanges": exchanges}],
        }
    )


def variable(header: str) -> str:
    """Return the name of the variable that stands for a header's secret value."""
    return re.sub(r"\W", "_", header, flags=re.ASCII).upper()


def _target(target: dict[str, Any]) -> dict[str, Any]:
    """Return the target with what the embedded stack, or the caller, will say of it left to variables."""
    jwt = {name: value for name, value in target.get("jwt", {}).items() if value != HIDDEN}
    kept = {name: value for name, value in target.items() if name not in {"url", "database", "jwt", "headers"}}
    if target.get("headers"):
        kept["headers"] = {name: f"${{{variable(name)}:-}}" for name in target["headers"]}
    return {
        "url": "${LOADCHECK_URL:-}",
        "database": "${LOADCHECK_DATABASE:-}",
        "jwt": {**jwt, **_key(jwt)},
        **kept,
    }


def _key(jwt: dict[str, Any]) -> dict[str, str]:
    symmetric = str(jwt.get("algorithm", "HS256")).startswith("HS")
    return {"secret": "${LOADCHECK_JWT_SECRET:-}"} if symmetric else {"private_key": "${LOADCHECK_PRIVATE_KEY:-}"}


def _stack(stack: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {**_without_hidden(stack), "folder": _escaped(str(folder))}


def _without_hidden(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _without_hidden(inner) for key, inner in value.items() if inner != HIDDEN}


def _identities(mixes: Iterable[dict[str, Any]], replay: Replay) -> Iterable[dict[str, Any]]:
    """Yield every mix, for rows may be anybody's; those that send nothing have no weight."""
    senders = {one.mix for one in replay.exchanges}
    for mix in mixes:
        count = {"count": replay.count[mix["name"]]} if mix["name"] in replay.count else {}
        yield {**mix, **count, "weight": int(mix["name"] in senders)}


def _with_variables(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request of any weight, with a variable for each secret header."""
    kept = {name: value for name, value in request.items() if name != "weight"}
    headers = kept.get("headers", {})
    if HIDDEN in headers.values():
        secret = {name: f"${{{variable(name)}:-}}" for name, value in headers.items() if value == HIDDEN}
        kept["headers"] = {**headers, **secret}
    return kept


def _escaped(value: Any) -> Any:
    """Return the same, to be read as it stands: with no text that would be taken for a variable."""
    if isinstance(value, dict):
        return {key: _escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_escaped(inner) for inner in value]
    return value.replace("${", "$${") if isinstance(value, str) else value
