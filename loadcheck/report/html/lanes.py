"""What went on around a violation: which backend ran whose transaction when, from the run's history."""

from bisect import insort
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from loadcheck.judge.stamp import stamp_in
from loadcheck.oracle.stamp import HEADER
from loadcheck.record.stored import StoredFinding

_BEFORE: Final = 8  # exchanges of each backend that are shown at most
_OWN: Final = 3  # of these, so many of the victim's backend whether poison was among them or not
_BACKENDS: Final = 32  # remembered: as many as a pool has at a time, and not all that a soak has had
_LANES: Final = 6
_LATE_S: Final = 60.0  # an answer that had to be judged again stands later in the history than it came
NOT_TOLD: Final = "not told"
"""The lane of answers without a stamp."""

Part = Literal["victim", "poison", "other"]


@dataclass(frozen=True, slots=True)
class Stay:
    """One exchange on a backend.

    Attributes:
        backend: The pid, or `not told`.
        who: The identity's label.
        request: What it asked for.
        began: When it was sent, in seconds after the run's start.
        ended: When its answer was there.
        ran: When its transaction began by its backend, in microseconds since 1970; 0 where that is not told.
        part: Its part in the violation.
    """

    backend: str
    who: str
    request: str
    began: float
    ended: float
    ran: int = 0
    part: Part = "other"


Lanes = Sequence[Stay]
"""In order of time, on the victim's backend and on the busiest others, up to the violation."""


def lanes_of(findings: Sequence[StoredFinding], history: Callable[[], Iterable[dict[str, Any]]]) -> Mapping[str, Lanes]:
    """Return the lanes of findings by their id, of those whose first exchange the history holds.

    The history is read twice, first for the violations and then for what led to them, and little of it is kept.
    """
    before = [_Before(victim, finding) for victim, finding in _victims(findings, history())]
    last = max((one.victim.ended for one in before), default=0.0)
    for line in history() if before else ():
        if line["t"] > last + _LATE_S:
            break
        stay = _stay(line)
        for one in before:
            one.add(stay)
    return {one.finding["id"]: one.lanes() for one in before}


def _victims(
    findings: Sequence[StoredFinding], history: Iterable[dict[str, Any]]
) -> Iterator[tuple[Stay, StoredFinding]]:
    sought = {finding["seq"]: finding for finding in findings}
    for line in history if sought else ():
        if (finding := sought.pop(line["seq"], None)) is not None:
            yield replace(_stay(line), part="victim"), finding
            if not sought:
                return


class _Before:
    """What was before one violation: the last exchanges of each backend, and the last of whom the rows came from.

    Attributes:
        victim: The violation's own exchange.
        finding: The violation.
    """

    def __init__(self, victim: Stay, finding: StoredFinding) -> None:
        self.victim = victim
        self.finding = finding
        self._source = None if finding["source"] is None else finding["source"]["label"]
        self._poison: Stay | None = None
        self._recent: OrderedDict[str, list[Stay]] = OrderedDict()

    def add(self, stay: Stay) -> None:
        """Remember an exchange if it was before."""
        if stay.began >= self.victim.ended or stay == replace(self.victim, part="other"):
            return
        recent = self._recent.setdefault(stay.backend, [])
        insort(recent, stay, key=lambda one: one.began)
        del recent[:-_BEFORE]
        self._recent.move_to_end(stay.backend)
        while len(self._recent) > _BACKENDS:
            self._recent.popitem(last=False)
        if self._may_be_poison(stay):
            self._poison = stay

    def lanes(self) -> Lanes:
        """Return what is worth showing."""
        own = [stay for stay in self._recent.get(self.victim.backend, ()) if stay != self._poison]
        marked = [self.victim] if self._poison is None else [self.victim, replace(self._poison, part="poison")]
        began = min(stay.began for stay in [*marked, *own[-_OWN:]])
        own = [stay for stay in own if stay.ended >= began]
        return sorted([*marked, *own, *self._elsewhere(began)], key=lambda stay: stay.began)

    def _may_be_poison(self, stay: Stay) -> bool:
        """Whether it is of the one the rows came from, on the victim's backend, and the last of these."""
        if stay.who != self._source or stay.backend != self.victim.backend or stay.backend == NOT_TOLD:
            return False
        return stay.ran < self.victim.ran and (self._poison is None or stay.ran > self._poison.ran)

    def _elsewhere(self, began: float) -> Iterator[Stay]:
        others = [stays for name, stays in self._recent.items() if name != self.victim.backend]
        overlapping = [[stay for stay in stays if stay.ended >= began] for stays in others]
        for stays in sorted(overlapping, key=len, reverse=True)[: _LANES - 1]:
            yield from stays


def _stay(line: dict[str, Any]) -> Stay:
    stamp = stamp_in(line.get("headers", {}).get(HEADER, ""))
    began = line["t"]
    ended = began + line["service_ms"] / 1000
    backend, ran = (NOT_TOLD, 0) if stamp is None else (str(stamp.pid), stamp.at)
    return Stay(backend, line["identity"], line["request"], began, ended, ran)
