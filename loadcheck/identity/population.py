"""The population: every identity of a run, in a fixed order."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final, overload

from loadcheck.errors import UsageProblem
from loadcheck.identity.values import json_text, json_value, text
from loadcheck.scenario.claim_mix import ClaimMix, TokenKind
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.placeholders import fill_value

_MIXES_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """One set of JWT claims.

    Attributes:
        index: Position in the population, from 0.
        mix: Index of its claim mix in the scenario's identities.
        label: What people call it: `keeper#17`, or `no-claim` where the mix makes only one.
        claims: The claims of its token, without exp and iat, placeholders filled in; JSON values only.
        variables: `n` (1..count), or the columns of the row that `from` read; JSON values only.
        token: What is right, or the one thing that is wrong, with its token.
    """

    index: int
    mix: int
    label: str
    claims: Mapping[str, Any]
    variables: Mapping[str, Any]
    token: TokenKind = TokenKind.VALID

    @property
    def shown(self) -> Mapping[str, Any]:
        """The claims that it shows the target: none without a token."""
        return {} if self.token is TokenKind.MISSING else self.claims


class Population(Sequence[Identity]):
    """Every identity of a run; those of one mix stand together.

    Args:
        names: The mixes' names, in the scenario's order.
        identities: The identities, ordered by mix.

    Attributes:
        ranges: For each mix, the indexes of its identities; empty where `from` read no rows.
    """

    def __init__(self, names: Sequence[str], identities: Sequence[Identity]) -> None:
        self._names = tuple(names)
        self._identities = tuple(identities)
        sizes = [0] * len(names)
        for identity in identities:
            sizes[identity.mix] += 1
        bounds = accumulate(sizes, initial=0)
        self.ranges = tuple(range(start, end) for start, end in pairwise(bounds))

    @overload
    def __getitem__(self, index: int) -> Identity: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Identity]: ...
    def __getitem__(self, index: int | slice) -> Identity | Sequence[Identity]:
        return self._identities[index]

    def __len__(self) -> int:
        return len(self._identities)

    def __iter__(self) -> Iterator[Identity]:
        return iter(self._identities)

    def __repr__(self) -> str:
        return f"Population({len(self)})"

    def of_mix(self, mix: int) -> Sequence[Identity]:
        """Return the identities of one mix."""
        indexes = self.ranges[mix]
        return self._identities[indexes.start : indexes.stop]

    def find(self, label: str) -> Identity:
        """Return the identity with this label; `no-claim#1` also finds the only `no-claim`.

        Raises:
            UsageProblem: there is none; suggests others.
        """
        name, _, number = label.partition("#")
        if name not in self._names:
            raise UsageProblem(f"no identity is called {label!r}", self._suggestion(name))
        indexes = self.ranges[self._names.index(name)]
        place = _place(number, len(indexes))
        if place is None:
            raise UsageProblem(f"no identity is called {label!r}", _labels(name, len(indexes)))
        return self._identities[indexes[place]]

    def _suggestion(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._names, n=1)
        shown = zip(self._names[:_MIXES_SHOWN], self.ranges, strict=False)
        lines = [f"Did you mean {near[0]!r}?"] if near else []
        lines += [_labels(each, len(indexes)) for each, indexes in shown]
        if len(self._names) > _MIXES_SHOWN:
            lines.append(f"… and {len(self._names) - _MIXES_SHOWN} more")
        return "\n".join(lines)


def populate(scenario: Scenario, rows: Mapping[int, Sequence[Mapping[str, Any]]]) -> Population:
    """Make every identity of a scenario.

    Args:
        scenario: The scenario.
        rows: For each mix with `from`, by its index: the rows that it read.

    Raises:
        UsageProblem: a claim's value cannot stand in JSON.
    """
    identities: list[Identity] = []
    for index, mix in enumerate(scenario.identities):
        size = mix.count if mix.from_ is None else len(rows[index])
        for place in range(size):
            values = {"n": place + 1} if mix.from_ is None else rows[index][place]
            label = mix.name if size == 1 else f"{mix.name}#{place + 1}"
            identities.append(_identity(len(identities), index, label, mix, values))
    return Population([mix.name for mix in scenario.identities], identities)


def bindings(identity: Identity, values: Mapping[str, Any]) -> dict[str, str | None]:
    """Return what each `:name` in SQL binds, as text; a name that is not among them binds NULL.

    Args:
        identity: Whose variables and claims, as far as it shows them; a variable hides a claim of its name.
        values: The request's variables, by name; they hide both.

    Returns:
        Text by name: objects and arrays as JSON, booleans as true and false, null as None. `claims` is always
        the JSON of all claims.
    """
    named = {**identity.shown, **identity.variables, **values}
    return {**{name: text(value) for name, value in named.items()}, "claims": json_text(identity.shown)}


def variables(identity: Identity, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each placeholder stands for: the request's variables hide the identity's, those its claims.

    Args:
        identity: Whose claims and variables.
        values: The request's variables, by name.
    """
    return {**identity.claims, **identity.variables, **values}


def _identity(index: int, mix: int, label: str, template: ClaimMix, values: Mapping[str, Any]) -> Identity:
    own = {name: json_value(value, label) for name, value in values.items()}
    claims = {name: json_value(fill_value(value, own), label) for name, value in template.claims.items()}
    return Identity(index, mix, label, claims, own, template.token)


def _place(number: str, size: int) -> int | None:
    """Return the place, from 0, that a label's number tells; None when there is no such."""
    if not number:
        return 0 if size == 1 else None
    if not number.isdecimal() or number != number.lstrip("0"):
        return None
    return int(number) - 1 if len(number) <= len(str(size)) and int(number) <= size else None


def _labels(name: str, size: int) -> str:
    if size == 0:
        return f"  {name}: one for each row that its `from` reads; none was read"
    return f"  {name}" if size == 1 else f"  {name}#1 to {name}#{size}"
