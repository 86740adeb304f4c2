"""Findings: violations of one kind, told once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from loadcheck.engine.events import Draw, Exchange
from loadcheck.judge.trail import Led
from loadcheck.judge.verdict import Cause, Symptom, Verdict


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Exchanges that show a finding again.

    Attributes:
        draws: The exchanges, in the order of sending.
        concurrency: By how many clients at once.
        repeat: How often the list is gone through.
        fresh: Whether each replay began on fresh backends.
    """

    draws: tuple[Draw, ...]
    concurrency: int = 1
    repeat: int = 1
    fresh: bool = True


@dataclass(slots=True)
class Finding:
    """One deduplicated violation.

    Attributes:
        id: `F1`, `F2`, … in the order of first sight.
        request: Index into the scenario's requests.
        victim: Index of the first identity that got the wrong answer.
        source: Index of the identity whose rows it got, or None.
        count: How many exchanges showed it.
        first: The first of them.
        verdict: The verdict on the first.
        victims: The identities it happened to.
        reasoning: How its cause was found out, a line each.
        led: What led to the first.
        reproduction: The fewest exchanges found that show it again; None when none were.
        unreproduced: Why there is no reproduction; empty when there is one, or when none was sought.
    """

    id: str
    symptom: Symptom
    request: int
    victim: int
    source: int | None
    first: Exchange
    verdict: Verdict
    cause: Cause = Cause.UNDETERMINED
    count: int = 0
    victims: set[int] = field(default_factory=set)
    reasoning: tuple[str, ...] = ()
    led: Led = field(default_factory=Led)
    reproduction: Reproduction | None = None
    unreproduced: str = ""


class Findings:
    """The findings of a run, in the order of first sight; bounded by the kinds of violation, not by their number."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Finding] = {}

    def add(self, exchange: Exchange, verdict: Verdict, mixes: tuple[int, int | None]) -> Finding | None:
        """Count a violation; return the finding when it is a new one.

        Args:
            exchange: What was sent and received.
            verdict: A violation.
            mixes: The claim mixes of the victim and of the source, which make findings alike.
        """
        draw = exchange.draw
        if verdict.symptom is None:
            raise ValueError("only a violation has a symptom")
        kind = (verdict.symptom, verdict.cause, draw.request, verdict.code, *mixes)
        known = self._known.get(kind)
        finding = known or Finding(
            id=f"F{len(self._known) + 1}",
            symptom=verdict.symptom,
            request=draw.request,
            victim=draw.identity,
            source=verdict.source,
            first=exchange,
            verdict=verdict,
            cause=verdict.cause,
        )
        self._known[kind] = finding
        finding.count += 1
        finding.victims.add(draw.identity)
        return None if known else finding

    def put_together(self, parts: Iterable["Findings"]) -> list[Finding]:
        """Count anew all that others have found, each of them a part of the run; return the findings that are new."""
        for finding in self:
            finding.count, finding.victims = 0, set()
        kinds = [found for part in parts for found in part._known.items()]  # noqa: SLF001 -- of the same class
        kinds.sort(key=lambda one: one[1].first.done)
        return [new for kind, found in kinds if (new := self._put_in(kind, found)) is not None]

    def _put_in(self, kind: tuple[object, ...], found: Finding) -> Finding | None:
        known = self._known.get(kind)
        finding = known or replace(found, id=f"F{len(self._known) + 1}", count=0, victims=set())
        self._known[kind] = finding
        finding.count += found.count
        finding.victims |= found.victims
        if found.first.done < finding.first.done:  # told later than what another part found after it
            finding.first, finding.verdict, finding.led = found.first, found.verdict, found.led
            finding.victim, finding.source = found.victim, found.source
        return None if known else finding

    def __iter__(self) -> Iterator[Finding]:
        """Yield the findings in the order of first sight."""
        return iter(self._known.values())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._known)
