"""Who should ask: identities for every set of claims that a policy reads, with values from the columns it compares."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from loadcheck.draft.claims import Claim, Column, merged
from loadcheck.draft.intent import Intent

_MOST: Final = 200  # identities of a mix
_VALUES: Final = 3  # constants of a claim that get identities of their own
_UNKNOWN: Final = "decide-me"


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """Identities made alike, to be written down.

    Attributes:
        name: What people call it.
        claims: With placeholders for the columns of `source`.
        source: SQL that reads one identity a row; empty for one identity.
        decide: What a person must decide about it; empty for nothing.
    """

    name: str
    claims: Mapping[str, Any]
    source: str = ""
    decide: str = ""


def mixes(intents: Iterable[Intent], role: str) -> list[Mix]:
    """Return a mix for each set of claims that some policy needs together; those that most policies need come first."""
    sets: dict[frozenset[tuple[str, ...]], list[Claim]] = {}
    for intent in intents:
        for claims in intent.claims:
            sets.setdefault(frozenset(claim.path for claim in claims), []).extend(claims)
    ordered = sorted(sets.values(), key=len, reverse=True)
    made = [mix for claims in ordered for mix in _with_values(merged(claims), role)]
    return list({mix.name: mix for mix in made}.values())


def _with_values(claims: Sequence[Claim], role: str) -> Iterator[Mix]:
    """Yield a mix for each constant that the claims are compared with; one where there is none."""
    valued = next((claim for claim in claims if claim.values and not claim.columns), None)
    for value in valued.values[:_VALUES] if valued else ("",):
        yield _mix(claims, role, value)


def _mix(claims: Sequence[Claim], role: str, value: str) -> Mix:
    sourced = [claim for claim in claims if claim.columns]
    content: dict[str, Any] = {"role": role}
    for claim in claims:
        _put(content, claim, value)
    name = "-and-".join(sorted(map(_variable, claims))) + (f"-{_word(value)}" if value else "")
    return Mix(f"by-{name}", content, _source(sourced), _question(claims))


def _put(content: dict[str, Any], claim: Claim, value: str) -> None:
    """Put a claim where its path leads."""
    *before, last = claim.path
    for key in before:
        inner = content.setdefault(key, {})
        content = inner if isinstance(inner, dict) else content
    constant = (value if value in claim.values else claim.values[0]) if claim.values else _UNKNOWN
    one = f"{{{_variable(claim)}}}" if claim.columns else constant
    content[last] = [one, *_and_next(claim)] if claim.listed else one


def _and_next(claim: Claim) -> list[str]:
    return [f"{{next_{_variable(claim)}}}"] if claim.columns else []


def _question(claims: Sequence[Claim]) -> str:
    unknown = [claim.name for claim in claims if not claim.columns and not claim.values]
    if unknown:
        return f"no column is compared with {', '.join(unknown)}: which values are there?"
    relations = [{column.relation for column in claim.columns} for claim in claims if claim.columns]
    apart = len(relations) > 1 and not set.intersection(*relations)
    return "every value with every other: which belong together?" if apart else ""


def _source(claims: Sequence[Claim]) -> str:
    """Return SQL for the values of these claims: from the table that has all, or from each on its own."""
    if not claims:
        return ""
    together = set.intersection(*({column.relation for column in claim.columns} for claim in claims))
    if len(claims) > 1 and together and not any(claim.listed for claim in claims):
        return f"{_rows(claims, min(together))} ORDER BY 1 LIMIT {_MOST}"
    if len(claims) == 1 and not claims[0].listed:
        return f"{_values(claims[0])} ORDER BY 1 LIMIT {_MOST}"
    tables = [f"({_values(claim)}) AS of_{_variable(claim)}" for claim in claims]
    columns = [column for claim in claims for column in _selected(claim)]
    return f"SELECT {', '.join(columns)} FROM {', '.join(tables)} ORDER BY 1 LIMIT {_MOST}"  # noqa: S608 -- names from the catalogue


def _selected(claim: Claim) -> list[str]:
    """Return a claim's column; for a list, the next value as well, so that each holds two."""
    name = _variable(claim)
    return [name, f"lead({name}, 1, {name}) OVER (ORDER BY {name}) AS next_{name}"] if claim.listed else [name]


def _values(claim: Claim) -> str:
    """Return SQL for the values of one claim, from every column that it is compared with."""
    if len(claim.columns) == 1:
        cast = "::text" if claim.listed else ""
        return f"SELECT DISTINCT {_of(claim.columns[0], cast, claim)}"
    return " UNION ".join(f"SELECT {_of(column, '::text', claim)}" for column in claim.columns)


def _of(column: Column, cast: str, claim: Claim) -> str:
    return f"{column.name}{cast} AS {_variable(claim)} FROM {column.relation} WHERE {column.name} IS NOT NULL"


def _rows(claims: Sequence[Claim], relation: str) -> str:
    names = {claim: next(column.name for column in claim.columns if column.relation == relation) for claim in claims}
    columns = ", ".join(f"{name} AS {_variable(claim)}" for claim, name in names.items())
    there = " AND ".join(f"{name} IS NOT NULL" for name in names.values())
    return f"SELECT DISTINCT {columns} FROM {relation} WHERE {there}"  # noqa: S608 -- the same


def _variable(claim: Claim) -> str:
    return _word("_".join(claim.path))


def _word(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_") or "claim"
