"""Which names placeholders and SQL may use: claims, variables of identities, variables of requests."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from loadcheck.scenario.binding import CLAIMS
from loadcheck.scenario.claim_mix import ClaimMix
from loadcheck.scenario.parts import Part, Parts
from loadcheck.scenario.request import Request
from loadcheck.scenario.statements import inspect

MARK: Final = "mark"
"""What a request that writes may name besides: its mark."""
Known = frozenset[str] | None
"""Names; None when they cannot be told, so that any may be right."""


class Names:
    """The names known to each request and identity of a scenario.

    Args:
        parts: The scenario, as far as it is well-formed.
    """

    def __init__(self, parts: Parts) -> None:
        self._mixes = {part.model.name: part for part in parts.identities}
        self._whole = parts.all_identities
        self._by_as: dict[tuple[str, ...], Known] = {}
        self._drawn: dict[str, Known] = defaultdict(frozenset)
        for part in parts.requests:
            for name in part.model.as_ or [""]:
                self._drawn[name] = union([self._drawn[name], _drawn(part)])
        self._all_requests = parts.all_requests

    def of_request(self, part: Part[Request]) -> Known:
        """Return what a request's path, headers, body and SQL may name."""
        key = tuple(part.model.as_)
        if key not in self._by_as:
            self._by_as[key] = self._of_mixes(key)
        return union([self._by_as[key], _drawn(part)])

    def of_expect(self, part: Part[ClaimMix]) -> Known:
        """Return what an identity's own expectation may name: it stands for those of all its requests."""
        if not self._all_requests:
            return None
        return union([of_mix(part), self._drawn[""], self._drawn[part.model.name]])

    def _of_mixes(self, names: tuple[str, ...]) -> Known:
        if not names:
            return union(map(of_mix, self._mixes.values())) if self._whole else None
        mixes = [self._mixes.get(name) for name in names]
        return union(None if mix is None else of_mix(mix) for mix in mixes)


def variables_of(part: Part[ClaimMix]) -> Known:
    """Return what an identity's claims may name: `n`, or the columns that `from` reads."""
    if not part.named:
        return None
    return frozenset({"n"}) if part.model.from_ is None else inspect(part.model.from_).columns


def of_mix(part: Part[ClaimMix]) -> Known:
    """Return what an identity brings: its claims and its variables."""
    return union([variables_of(part), frozenset(part.model.claims)])


def in_sql(known: Known) -> Known:
    """Return what SQL may bind besides: all claims."""
    return union([known, frozenset({CLAIMS})])


def _drawn(part: Part[Request]) -> Known:
    marks = frozenset[str]() if part.model.writes is None else {MARK}
    return frozenset(part.model.vars) | marks if part.named else None


def union(known: Iterable[Known]) -> Known:
    """Return all names; None when some of them cannot be told."""
    all_names: set[str] = set()
    for names in known:
        if names is None:
            return None
        all_names |= names
    return frozenset(all_names)
