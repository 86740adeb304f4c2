"""The tally: what a run has counted and measured so far, in memory that does not grow with its length."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from loadcheck.engine.events import Exchange, Lost, Missed, PhaseEnded, PhaseStarted
from loadcheck.identity.population import Identity
from loadcheck.judge.grounds import NO_GROUNDS, Judged
from loadcheck.judge.verdict import OK, Ruling, Verdict
from loadcheck.record.counts import Counts, Members, Recent, Texts, Timed
from loadcheck.record.histogram import Histogram
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.phase import Phase

_SHARED: Final = frozenset({"scenario", "population", "_mixes"})

_Kind = tuple[int, int, Ruling, int | Lost | None]
"""Request, claim mix and verdict of an exchange, and the status of its answer or why there was none."""

_KindInPhase = tuple[int, int, int, Ruling, int | Lost | None]
"""The same after the index of its phase."""


@dataclass(slots=True)
class PhaseTally:
    """One phase of the load.

    An exchange is counted in one place, by all that is told apart. Every other figure is a sum, made when it is read.

    Attributes:
        seen: How many exchanges of each kind there were.
        latency: How long those that `Timed` speaks of took, from the intended start; for each request of the scenario.
        service: The same from the sending.
        started: Seconds after the run's start; None before it begins.
        ended: The same for its end; None until its last exchange is in.
        last: When its last exchange so far was done.
        missed: Arrivals that could not be sent.
    """

    phase: Phase
    latency: Sequence[Histogram]
    service: Sequence[Histogram]
    seen: dict[_Kind, int] = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None
    last: float = 0.0
    missed: int = 0

    def add(self, kind: _Kind, exchanges: Sequence[Exchange], last: float) -> None:
        """Count exchanges of one kind, the last of them done at that time."""
        request, _, _, came = kind
        self.seen[kind] = self.seen.get(kind, 0) + len(exchanges)
        if isinstance(came, int) or came is Lost.TIMEOUT:
            self.latency[request].add(*[one.done - one.intended for one in exchanges])
            self.service[request].add(*[one.done - one.sent for one in exchanges])
        self.last = max(self.last, last)

    @property
    def requests(self) -> list[Timed]:
        """Its exchanges, for each request of the scenario, in order."""
        requests = [Timed(Counts(), 0, *timed) for timed in zip(self.latency, self.service, strict=True)]
        # A copy, for another thread may be counting.
        for (request, _, ruling, came), count in self.seen.copy().items():
            requests[request].counts.add(ruling, count)
            requests[request].answered += count * isinstance(came, int)
        return requests

    @property
    def counts(self) -> Counts:
        """All exchanges of the phase, by verdict alone: the sums of what was timed take a hundred times as long."""
        counts = Counts()
        for (_, _, ruling, _), count in self.seen.copy().items():
            counts.add(ruling, count)
        return counts

    @property
    def answered(self) -> int:
        """How many of them got a whole answer."""
        return sum(count for (_, _, _, came), count in self.seen.copy().items() if isinstance(came, int))

    @property
    def timed(self) -> Timed:
        """All exchanges of the phase, with how long they took."""
        return Timed.sum(self.requests)

    @property
    def adds_up(self) -> bool:
        """Whether every exchange has one verdict, and those that should be timed are, each once."""
        timed_out = sum(count for (_, _, _, came), count in self.seen.items() if came is Lost.TIMEOUT)
        timed = self.timed
        return timed.counts.balanced and timed.latency.count == timed.service.count == timed.answered + timed_out

    def merge(self, other: "PhaseTally") -> None:
        """Add what the other one has counted of the same phase, which goes on until all who began it have ended it."""
        begun = [one for one in (self, other) if one.started is not None]
        ends = [one.ended for one in begun if one.ended is not None]
        self.started = min((one.started for one in begun if one.started is not None), default=None)
        self.ended = max(ends, default=None) if len(ends) == len(begun) else None
        self.last = max(self.last, other.last)
        self.missed += other.missed
        for kind, count in other.seen.items():
            self.seen[kind] = self.seen.get(kind, 0) + count
        for mine, theirs in zip((*self.latency, *self.service), (*other.latency, *other.service), strict=True):
            mine.merge(theirs)

    @property
    def seconds(self) -> float:
        """How long it has lasted so far."""
        if self.started is None:
            return 0.0
        return max((self.last if self.ended is None else self.ended) - self.started, 0.0)

    @property
    def throughput(self) -> float | None:
        """Answers a second; None before any time has passed."""
        return self.answered / self.seconds if self.seconds else None


class Tally:
    """Everything counted of a run; `sent = ok + violation + unknown` holds in every part of it.

    Phases with `measure: false` are judged like all others, and their violations are violations of the run.
    They stay out of every other figure: they are counted in `warm_up` and in their own phase alone.

    Args:
        scenario: What is run.
        population: Its identities.

    Attributes:
        phases: One for each phase, in order.
        unknowns: Reasons of the verdict `unknown`.
        unsettled: Reasons of those of them, in all phases, whose answers were not what was expected.
        identities: The identities with at least one exchange judged ok or violation.
        recent: Exchanges of all phases done in each of the last seconds.
        current: Index of the phase that started last; None before the first.
    """

    def __init__(self, scenario: Scenario, population: Sequence[Identity]) -> None:
        self.scenario = scenario
        self.population = population
        self._mixes = [identity.mix for identity in population]
        self.phases = [PhaseTally(phase, _histograms(scenario), _histograms(scenario)) for phase in scenario.load]
        self._excused = Counts()
        self.unknowns = Texts()
        self.unsettled = Texts()
        self.identities = Members(len(population))
        self.recent = Recent()
        self.current: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave scenario and population behind: whoever puts tallies together has them, too."""
        return {name: value for name, value in vars(self).items() if name not in _SHARED}

    def put_together(self, parts: Iterable["Tally"]) -> None:
        """Count anew all that others have counted, each of them a part of the run."""
        whole = Tally(self.scenario, self.population)
        for part in parts:
            whole._merge(part)
        # In one step, for the live view reads from a thread of its own.
        vars(self).update(vars(whole))

    def _merge(self, part: "Tally") -> None:
        for mine, theirs in zip(self.phases, part.phases, strict=True):
            mine.merge(theirs)
        self._excused.merge(part._excused)  # noqa: SLF001 -- of the same class
        self.unknowns.merge(part.unknowns)
        self.unsettled.merge(part.unsettled)
        self.identities.merge(part.identities)
        self.recent.merge(part.recent)
        started = [current for current in (self.current, part.current) if current is not None]
        self.current = max(started, default=None)

    def phase_started(self, event: PhaseStarted) -> None:
        """Take note that a phase begins."""
        self.current = event.index
        self.phases[event.index].started = event.at

    def phase_ended(self, event: PhaseEnded) -> None:
        """Take note that a phase is over, and that all counts still agree.

        Raises:
            AssertionError: they do not.
        """
        self.phases[event.index].ended = event.at
        self.check()

    def missed(self, event: Missed) -> None:
        """Count an arrival that could not be sent."""
        self.phases[event.phase].missed += 1

    def add(self, exchange: Exchange, verdict: Verdict) -> None:
        """Count one exchange and its verdict."""
        self.add_all([(exchange, verdict, NO_GROUNDS)])

    def add_all(self, judged: Sequence[Judged]) -> None:
        """Count exchanges and their verdicts."""
        kinds: defaultdict[_KindInPhase, list[Exchange]] = defaultdict(list)
        mixes = self._mixes
        for exchange, verdict, _ in judged:
            draw, answer = exchange.draw, exchange.answer
            came = exchange.lost if answer is None else answer.status
            kinds[exchange.phase, draw.request, mixes[draw.identity], verdict.ruling, came].append(exchange)
            if verdict is not OK:
                self._note(exchange, verdict)
        for (index, request, mix, ruling, came), exchanges in kinds.items():
            self._add(self.phases[index], (request, mix, ruling, came), exchanges)

    def _add(self, phase: PhaseTally, kind: _Kind, exchanges: Sequence[Exchange]) -> None:
        done = [exchange.done for exchange in exchanges]
        phase.add(kind, exchanges, max(done))
        self.recent.add(*done)
        _, _, ruling, _ = kind
        if phase.phase.measure and ruling is not Ruling.UNKNOWN and not self.identities.full:
            self.identities.add(*[exchange.draw.identity for exchange in exchanges])

    def _note(self, exchange: Exchange, verdict: Verdict) -> None:
        """Count what only some verdicts have."""
        if verdict.disputed:
            self.unsettled.add(verdict.reason)
        if not self.phases[exchange.phase].phase.measure:
            return
        if verdict.fault or exchange.lost is Lost.GIVEN_UP:
            self._excused.add(verdict.ruling)
        if verdict.ruling is Ruling.UNKNOWN:
            self.unknowns.add(verdict.reason or _came(_outcome(exchange)))

    def check(self, recorded: int | None = None) -> None:
        """Hold what was counted against what was timed, and against what was written down.

        Args:
            recorded: How many exchanges the history has taken in all; None while it is not known.

        Raises:
            AssertionError: an exchange was counted twice or not at all, which is a bug in loadcheck.
        """
        for phase in self.phases:
            if not phase.adds_up:
                raise AssertionError(f"the tally of phase {phase.phase.name} does not add up: {phase.timed.counts}")
        if recorded not in {None, self.sent}:
            raise AssertionError(f"{self.sent} exchanges were counted, and {recorded} written to the history")

    @property
    def _seen(self) -> Iterable[tuple[_Kind, int]]:
        """What was counted in the measured phases."""
        return chain.from_iterable(phase.seen.copy().items() for phase in self.phases if phase.phase.measure)

    @property
    def pairs(self) -> list[list[Counts]]:
        """The exchanges of the measured phases by request, then by claim mix, both in the scenario's order."""
        pairs = [[Counts() for _ in self.scenario.identities] for _ in self.scenario.requests]
        for (request, mix, ruling, _), count in self._seen:
            pairs[request][mix].add(ruling, count)
        return pairs

    @property
    def statuses(self) -> Texts:
        """The same by status (`200`), or by why there was no answer (`time-out`)."""
        statuses = Texts()
        for (_, _, _, came), count in self._seen:
            statuses.add(_came(came), count)
        return statuses

    @property
    def requests(self) -> list[Timed]:
        """The exchanges of the measured phases, one for each request of the scenario, in order."""
        measured = [phase.requests for phase in self.phases if phase.phase.measure]
        return [Timed.sum(parts) for parts in zip(*measured, strict=True)] or [Timed() for _ in self.scenario.requests]

    @property
    def measured(self) -> Timed:
        """The exchanges of the measured phases, with latency and service time: those of all requests together."""
        return Timed.sum(self.requests)

    @property
    def counts(self) -> Counts:
        """The same by verdict alone, which is sooner done."""
        return Counts.sum(phase.counts for phase in self.phases if phase.phase.measure)

    @property
    def answered(self) -> int:
        """How many exchanges of the measured phases got a whole answer."""
        return sum(phase.answered for phase in self.phases if phase.phase.measure)

    @property
    def latency(self) -> Histogram:
        """How long they took from the intended start, and no more than that."""
        return Histogram.sum(chain.from_iterable(phase.latency for phase in self.phases if phase.phase.measure))

    @property
    def warm_up(self) -> Counts:
        """The exchanges of the other phases."""
        return Counts.sum(phase.counts for phase in self.phases if not phase.phase.measure)

    @property
    def unexcused(self) -> Counts:
        """Those of the measured exchanges that were not given up, and during which no fault was on."""
        return self.counts.without(self._excused)

    @property
    def sent(self) -> int:
        """Exchanges of the whole run, the warm-up included."""
        return self.counts.sent + self.warm_up.sent

    @property
    def mixes(self) -> list[Counts]:
        """One for each claim mix of the scenario, in order."""
        return [Counts.sum(counts) for counts in zip(*self.pairs, strict=True)]

    @property
    def violations(self) -> int:
        """Violations of the whole run, the warm-up included."""
        return self.counts.violation + self.warm_up.violation

    @property
    def missed_arrivals(self) -> int:
        """Arrivals of the measured phases that could not be sent."""
        return sum(phase.missed for phase in self.phases if phase.phase.measure)

    @property
    def seconds(self) -> float:
        """How long the measured phases have lasted, in all."""
        return sum(phase.seconds for phase in self.phases if phase.phase.measure)

    @property
    def throughput(self) -> float | None:
        """Answers a second over the measured phases; None before any time has passed."""
        return self.answered / self.seconds if self.seconds else None

    @property
    def error_rate(self) -> float | None:
        """Share of the `unexcused` exchanges that were not ok; None when there was none."""
        counts = self.unexcused
        return (counts.sent - counts.ok) / counts.sent if counts.sent else None


def _histograms(scenario: Scenario) -> list[Histogram]:
    return [Histogram() for _ in scenario.requests]


def _outcome(exchange: Exchange) -> int | Lost | None:
    return exchange.lost if exchange.answer is None else exchange.answer.status


def _came(came: int | Lost | None) -> str:
    return "no answer" if came is None else str(came)
