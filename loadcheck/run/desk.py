"""Where every exchange ends: counted, written down and, if it shows something new, told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from loadcheck.engine.events import Exchange, Missed, PhaseEnded, PhaseStarted
from loadcheck.identity.population import Population
from loadcheck.judge.findings import Findings
from loadcheck.judge.grounds import Grounds, Judged
from loadcheck.judge.trail import Trail
from loadcheck.judge.verdict import OK, Ruling, Verdict
from loadcheck.record.history import History
from loadcheck.record.series import SeriesFile
from loadcheck.record.stored import StoredKept
from loadcheck.record.tally import Tally
from loadcheck.run.clockwatch import Clockwatch
from loadcheck.run.faults.recovery import Recovery
from loadcheck.run.halt import Halt
from loadcheck.run.observer import Observer


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes each exchange with its verdict, once.

    Attributes:
        tally: What is counted.
        findings: What is found.
        series: Where samples of the tally go.
        halt: Ends the run at a violation, where that is asked for.
        trail: What was sent last.
        elsewhere: What workers have kept of their exchanges, in histories of their own.
        doubts: Why what was counted is not the whole run.
    """

    population: Population
    clockwatch: Clockwatch
    recovery: Recovery
    tally: Tally
    findings: Findings
    history: History
    series: SeriesFile
    observer: Observer
    halt: Halt
    trail: Trail = field(default_factory=Trail)
    elsewhere: list[StoredKept] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    @property
    def kept(self) -> StoredKept | None:
        """What the histories hold, once they are closed; None where it is not known of all."""
        if self.doubts:
            return None
        all_kept = [self.history.kept, *self.elsewhere]
        return {
            "lines": sum(kept["lines"] for kept in all_kept),
            "left_out": sum(kept["left_out"] for kept in all_kept),
            "share": min(kept["share"] for kept in all_kept),
        }

    def deliver(self, judged: Sequence[Judged]) -> None:
        """Count and record exchanges; tell of those that are findings not seen before.

        Raises:
            EnvironmentProblem: the history cannot be written.
        """
        wanting = [verdict for _, verdict, _ in judged if verdict is not OK]
        if wanting or not self.recovery.calm:
            judged = [self._considered(*one) for one in judged]
        self.tally.add_all(judged)
        self.history.add_all(judged)
        if wanting:
            for exchange, verdict, _ in judged:
                if verdict.ruling is Ruling.VIOLATION:
                    self.found(exchange, verdict)

    def audited(self, exchange: Exchange, verdict: Verdict) -> None:
        """Record a violation that an audit has found, whose exchange was delivered long before; tell it if it is new.

        Raises:
            EnvironmentProblem: the history cannot be written.
        """
        self.history.audited(exchange, verdict)
        self.found(exchange, verdict)

    def found(self, exchange: Exchange, verdict: Verdict) -> None:
        """Tell of a violation if it is a finding not seen before; the exchange itself may have been delivered as ok."""
        finding = self.findings.add(exchange, verdict, self._mixes(exchange, verdict))
        if finding is not None:
            finding.led = self.trail.led_to(exchange)
            self.observer.finding(finding)
        self.halt.pull("a violation")

    def take_note(self, event: PhaseStarted | Missed | PhaseEnded) -> None:
        """Count and record what is no exchange.

        Raises:
            EnvironmentProblem: the history cannot be written.
        """
        match event:
            case Missed():
                self.tally.missed(event)
            case PhaseStarted():
                self.tally.phase_started(event)
                self.history.phase(event)
            case PhaseEnded():
                self.tally.phase_ended(event)
                self.history.phase(event, self.tally.phases[event.index].missed)

    def _considered(self, exchange: Exchange, verdict: Verdict, grounds: Grounds) -> Judged:
        """Return the verdict as it is under the faults and the clocks of its time."""
        return exchange, self.recovery.consider(exchange, self.clockwatch.pardon(verdict)), grounds

    def _mixes(self, exchange: Exchange, verdict: Verdict) -> tuple[int, int | None]:
        source = None if verdict.source is None else self.population[verdict.source].mix
        return self.population[exchange.draw.identity].mix, source
