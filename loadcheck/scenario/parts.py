"""The parts of a scenario that can be looked into even where others are malformed: all mistakes show at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar

from pydantic import BaseModel, ValidationError

from loadcheck.scenario.claim_mix import ClaimMix
from loadcheck.scenario.document import Loc
from loadcheck.scenario.fault import Fault
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.phase import Phase
from loadcheck.scenario.problems import nearest
from loadcheck.scenario.request import Request
from loadcheck.scenario.stack import Stack
from loadcheck.scenario.target import Target
from loadcheck.scenario.writes import Table

M = TypeVar("M", bound=BaseModel)
_NAMING: Final = ("claims", "from", "vars", "as", "name")


@dataclass(frozen=True, slots=True)
class Part(Generic[M]):
    """One part.

    Attributes:
        loc: Where it is.
        model: What it says.
        named: Whether it has all the names it should have: no malformed claims or variables were left out.
    """

    loc: Loc
    model: M
    named: bool = True


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything of a scenario that could be read.

    Attributes:
        names: The names of all identities, those that could not be read included.
        all_identities: Whether every identity could be read.
        all_requests: Whether every request could.
        whole: Whether nothing at all is malformed.
    """

    target: Part[Target]
    stack: Part[Stack]
    identities: Sequence[Part[ClaimMix]]
    requests: Sequence[Part[Request]]
    load: Sequence[Part[Phase]]
    names: Sequence[str]
    faults: Sequence[Part[Fault]]
    tables: Mapping[str, Part[Table]]
    all_identities: bool = True
    all_requests: bool = True
    whole: bool = True

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
            [Part(("faults", at), fault) for at, fault in enumerate(scenario.faults)],
            tables={name: Part(("tables", name), table) for name, table in scenario.tables.items()},
        )

    @classmethod
    def salvaged(cls, data: dict[str, Any], malformed: Sequence[Loc]) -> Self:
        """Return what can be read of a malformed scenario.

        Args:
            data: The whole scenario.
            malformed: Where its mistakes are.
        """
        given, asked = _listed(data.get("identities")), _listed(data.get("requests"))
        identities = list(_parts(ClaimMix, given, "identities", malformed))
        requests = list(_parts(Request, asked, "requests", malformed))
        return cls(
            _part(Target, data.get("target"), ("target",), malformed) or Part(("target",), Target()),
            _part(Stack, data.get("stack"), ("stack",), malformed) or Part(("stack",), Stack()),
            identities,
            requests,
            list(_parts(Phase, _listed(data.get("load")), "load", malformed)),
            [str(mix.get("name")) for mix in given if isinstance(mix, dict)],
            list(_parts(Fault, _listed(data.get("faults")), "faults", malformed)),
            tables=_tables(data.get("tables"), malformed),
            all_identities=len(identities) == len(given),
            all_requests=len(requests) == len(asked),
            whole=False,
        )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _tables(value: Any, malformed: Sequence[Loc]) -> dict[str, Part[Table]]:
    given = value if isinstance(value, dict) else {}
    parts = {name: _part(Table, each, ("tables", name), malformed) for name, each in given.items()}
    return {name: part for name, part in parts.items() if part is not None}


def _parts(model: type[M], values: list[Any], key: str, malformed: Sequence[Loc]) -> Iterator[Part[M]]:
    within: dict[Any, list[Loc]] = {}
    for path in malformed:
        if path[:1] == (key,) and len(path) > 1:
            within.setdefault(path[1], []).append(path)
    for at, value in enumerate(values):
        part = _part(model, value, (key, at), within.get(at, []))
        if part is not None:
            yield part


def _part(model: type[M], value: Any, loc: Loc, malformed: Sequence[Loc]) -> Part[M] | None:
    wrong = [path[len(loc) :] for path in malformed if path[: len(loc)] == loc]
    try:
        left = model.model_validate(without(value, wrong), by_alias=True, by_name=False)
    except ValidationError:
        return None
    return Part(loc, left, named=not any(_may_name(str(path[0])) for path in wrong if path))


def _may_name(key: str) -> bool:
    """Whether what was left out may have brought names: under such a key, or under one that looks like it."""
    return key in _NAMING or bool(nearest(key, _NAMING))


def without(value: Any, wrong: Sequence[Loc]) -> Any:
    """Return a copy without what is wrong."""
    steps = {path[0] for path in wrong if len(path) == 1}
    inner: dict[Any, list[Loc]] = {}
    for path in wrong:
        if len(path) > 1:
            inner.setdefault(path[0], []).append(path[1:])
    if isinstance(value, dict):
        return {key: without(child, inner.get(key, [])) for key, child in value.items() if key not in steps}
    if isinstance(value, list):
        return [without(child, inner.get(at, [])) for at, child in enumerate(value) if at not in steps]
    return value
