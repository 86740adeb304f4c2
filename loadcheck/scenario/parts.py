"""The parts of a scenario that can be looked into even where others are malformed, so that all mistakes show at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, ValidationError

from loadcheck.scenario.document import Loc
from loadcheck.scenario.model import ClaimMix, Phase, Request, Scenario, Stack, Target

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Part(Generic[M]):
    """One part.

    Attributes:
        loc: Where it is.
        model: What it says.
        whole: Whether nothing malformed had to be left out of it.
    """

    loc: Loc
    model: M
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything of a scenario that could be read.

    Attributes:
        names: The names of all identities, those malformed elsewhere included.
        whole: Whether this is the whole scenario.
    """

    target: Part[Target]
    stack: Part[Stack]
    identities: Sequence[Part[ClaimMix]]
    requests: Sequence[Part[Request]]
    load: Sequence[Part[Phase]]
    names: Sequence[str]
    has_faults: bool
    whole: bool

    @classmethod
    def of(cls, scenario: Scenario) -> Self:
        """Return the parts of a well-formed scenario."""
        return cls(
            Part(("target",), scenario.target),
            Part(("stack",), scenario.stack),
            [Part(("identities", at), mix) for at, mix in enumerate(scenario.identities)],
            [Part(("requests", at), request) for at, request in enumerate(scenario.requests)],
            [Part(("load", at), phase) for at, phase in enumerate(scenario.load)],
            [mix.name for mix in scenario.identities],
            has_faults=bool(scenario.faults),
            whole=True,
        )

    @classmethod
    def salvaged(cls, data: dict[str, Any], malformed: Sequence[Loc]) -> Self:
        """Return what can be read of a malformed scenario.

        Args:
            data: The whole scenario.
            malformed: Where its mistakes are.
        """
        identities = data.get("identities")
        names = [mix.get("name") for mix in _listed(identities) if isinstance(mix, dict)]
        return cls(
            _part(Target, data.get("target"), ("target",), malformed) or Part(("target",), Target(), whole=False),
            _part(Stack, data.get("stack"), ("stack",), malformed) or Part(("stack",), Stack(), whole=False),
            list(_parts(ClaimMix, identities, "identities", malformed)),
            list(_parts(Request, data.get("requests"), "requests", malformed)),
            list(_parts(Phase, data.get("load"), "load", malformed)),
            [name for name in names if isinstance(name, str)],
            has_faults=bool(data.get("faults")),
            whole=False,
        )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _parts(model: type[M], values: Any, key: str, malformed: Sequence[Loc]) -> Iterator[Part[M]]:
    within: dict[Any, list[Loc]] = {}
    for path in malformed:
        if path[:1] == (key,) and len(path) > 1:
            within.setdefault(path[1], []).append(path)
    for at, value in enumerate(_listed(values)):
        part = _part(model, value, (key, at), within.get(at, []))
        if part is not None:
            yield part


def _part(model: type[M], value: Any, loc: Loc, malformed: Sequence[Loc]) -> Part[M] | None:
    wrong = [path[len(loc) :] for path in malformed if path[: len(loc)] == loc]
    try:
        return Part(loc, model.model_validate(_without(value, wrong)), whole=not wrong)
    except ValidationError:
        return None


def _without(value: Any, wrong: Sequence[Loc]) -> Any:
    """Return a copy without what is wrong."""
    steps = {path[0] for path in wrong if len(path) == 1}
    inner: dict[Any, list[Loc]] = {}
    for path in wrong:
        if len(path) > 1:
            inner.setdefault(path[0], []).append(path[1:])
    if isinstance(value, dict):
        return {key: _without(child, inner.get(key, [])) for key, child in value.items() if key not in steps}
    if isinstance(value, list):
        return [_without(child, inner.get(at, [])) for at, child in enumerate(value) if at not in steps]
    return value
