"""A stored run judged again, offline: the same judge, the same findings, and an honest word on what could not be."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

from loadcheck.engine.events import PhaseEnded, PhaseStarted
from loadcheck.engine.messages import Composer
from loadcheck.errors import ExitCode
from loadcheck.judge.findings import Findings
from loadcheck.judge.outcome import Figures, Outcome, Worst, decide
from loadcheck.judge.verdict import Ruling
from loadcheck.record.coverage import Coverage
from loadcheck.record.findings import FindingWriter
from loadcheck.record.series import read_series
from loadcheck.record.stored import StoredFinding, StoredKept, StoredReach, StoredThreshold, Summary
from loadcheck.record.stored_history import StoredHistory, read_history
from loadcheck.record.stored_run import StoredRun
from loadcheck.record.stored_truths import StoredTruths
from loadcheck.record.summary import RunFacts, build_summary
from loadcheck.record.tally import Tally
from loadcheck.run.figures import figures
from loadcheck.run.stored.kept_run import KeptRun, read_kept
from loadcheck.run.stored.rejudging import Rejudged, Rejudging
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.problems import Place

_INTERRUPTED: Final = frozenset({ExitCode.INTERRUPTED, ExitCode.TERMINATED})
_DAMAGES: Final = 5
_COUNTED_AGAIN: Final = frozenset({"error_rate", "checked"})
_FROM_THE_RUN: Final = (
    "canaries",
    "leak_rate_upper_95",
    "blind_spots",
    "generator",
    "faults",
    "writes",
    "stopped",
    "drift",
)
# What a run finds out about its findings by asking again, which nobody can do offline.
_INQUIRED: Final = frozenset({"cause", "reasoning", "reproduction", "unreproduced"})
_REACH: Final = ("pairs", "requests", "phases")


def recheck(path: Path) -> StoredRun:
    """Judge the run in a folder again.

    Raises:
        UsageProblem: the folder does not hold a run of this version.
    """
    run = read_kept(path)
    return _Recheck(run, run.scenario, run.truths, run.summary).ended()


@dataclass(slots=True)
class _Recheck:
    """The run, and what has come of judging it again so far.

    Attributes:
        own: The run's own summary; None where it was cut.
        lines: How many exchanges were judged again.
        differing: How many of the verdicts are not the run's own.
        lost: How many answers were judged during the run and cannot be now.
        last: When the last exchange was done, in seconds since the run's start.
        wrong: When each violation was, those included that an audit has found.
    """

    run: KeptRun
    scenario: Scenario
    stored: StoredTruths
    own: Summary | None
    findings: Findings = field(default_factory=Findings)
    lines: int = 0
    differing: int = 0
    lost: int = 0
    last: float = 0.0
    wrong: "array[float]" = field(default_factory=lambda: array("d"))

    def ended(self) -> StoredRun:
        rejudging = Rejudging(self.scenario, self.stored)
        tally = Tally(self.scenario, rejudging.population)
        self._start(tally)
        history = read_history(self.run.folder.history)
        parts = [Findings() for _ in self.stored.audited]
        for part, line, of_audit in history.with_audited(self.stored.audited):
            one = rejudging.audited(line) if of_audit else self._taken(rejudging.judge(line), tally)
            if one.now.ruling is Ruling.VIOLATION:
                self._find(one, rejudging, parts[part])
        self.findings.put_together(parts)  # as the run has put them together
        self._end(tally)
        facts = self._facts(rejudging.coverage)
        outcome = self._outcome(tally, facts, self._doubts(history), self._word(rejudging))
        summary = build_summary(tally, list(self.findings), outcome, facts)
        summary["history"] = self._kept()
        found = [_known(finding, self.run.findings) for finding in self._written(rejudging)]
        summary["findings"] = [
            {**head, "cause": one["cause"]} for head, one in zip(summary["findings"], found, strict=True)
        ]
        folder = self.run.folder
        return StoredRun(folder.path, summary, found, list(read_series(folder.series)), self.wrong)

    def _start(self, tally: Tally) -> None:
        for index, at in self.stored.started.items():
            tally.phase_started(PhaseStarted(index, self.scenario.load[index], at))

    def _end(self, tally: Tally) -> None:
        for index, (at, missed) in self.stored.ended.items():
            tally.phases[index].missed = missed
            tally.phase_ended(PhaseEnded(index, self.scenario.load[index], at))

    def _taken(self, one: Rejudged, tally: Tally) -> Rejudged:
        self.lines += 1
        self.last = max(self.last, one.exchange.done)
        self.differing += one.now.ruling is not one.before.ruling or one.now.symptom is not one.before.symptom
        self.lost += one.now.ruling is Ruling.UNKNOWN is not one.before.ruling
        tally.add(one.exchange, one.now)
        return one

    def _find(self, one: Rejudged, rejudging: Rejudging, part: Findings) -> None:
        people, source = rejudging.population, one.now.source
        mixes = people[one.exchange.draw.identity].mix, None if source is None else people[source].mix
        for findings in (self.findings, part):
            findings.add(one.exchange, one.now, mixes)
        self.wrong.append(one.exchange.done)

    def _facts(self, stamped: Coverage) -> RunFacts:
        """Return what is known beside the exchanges: what cannot be seen offline is as the run saw it."""
        run = self.stored.run
        facts = RunFacts(seed=run["seed"], started=run["started"], duration=self.last)
        if self.own is None:
            stamped.close()
            reached = stamped.reached()
            return facts if reached is None else replace(facts, coverage=asdict(reached))
        own = cast("Mapping[str, Any]", self.own)
        kept = {name: own[name] for name in _FROM_THE_RUN if name in own}
        if self.findings:
            kept["leak_rate_upper_95"] = None
        coverage = own["coverage"]
        numbers = {name: value for name, value in coverage.items() if name not in _REACH}
        reach = cast("StoredReach", {name: coverage[name] for name in _REACH})
        windows = _windows(self.own["thresholds"])
        return replace(facts, duration=own["duration_s"], coverage=numbers, reach=reach, windows=windows, **kept)

    def _kept(self) -> StoredKept:
        own = None if self.own is None else self.own["history"]
        return own or {"lines": self.lines, "left_out": 0, "share": self.stored.share}

    def _doubts(self, history: StoredHistory) -> Iterator[str]:
        """Yield why no verdict of pass can come of it."""
        if self.own is None or history.cut or self.stored.chunks.cut:
            yield f"the run was cut: it was killed, or its folder is not whole; {self.lines:,} exchanges are stored"
        damages = [*self.stored.chunks.damages, *history.damages]
        yield from map(str, damages[:_DAMAGES])
        if damages[_DAMAGES:]:
            yield f"and {len(damages) - _DAMAGES} more chunks are damaged or missing"
        if self.lost:
            yield f"{self.lost:,} answers that the run had judged cannot be judged by what is stored now"
        if self.own is not None:
            yield from self._doubts_of(self.own)

    def _doubts_of(self, own: Summary) -> Iterator[str]:
        recorded, kept = own["exchanges"]["sent"] + own["warm_up"]["sent"], self._kept()
        if recorded != self.lines + kept["left_out"]:
            yield f"the run sent {recorded:,} exchanges, and its history holds {self.lines:,}"
        if own["exit_code"] == ExitCode.INCONCLUSIVE:
            yield from own["reasons"]
        if own["exit_code"] == ExitCode.FAIL and not self.findings:
            yield "the run found violations, and none is one by what is stored now: run it again"
        if own["canaries"]["planted"] != own["canaries"]["caught"]:
            yield "a canary passed: the run could not have seen every leak"

    def _word(self, rejudging: Rejudging) -> tuple[str, ...]:
        same = (
            "every verdict is the run's own"
            if not self.differing
            else f"{self.differing:,} verdicts differ from the run's own"
        )
        taken = f"; {rejudging.taken:,} stand by the run's word, their grounds were not kept" if rejudging.taken else ""
        left_out = self._kept()["left_out"]
        more = f"; {left_out:,} more were right and are not kept" if left_out else ""
        return (f"judged again offline: {self.lines:,} exchanges, {same}{taken}{more}",)

    def _outcome(self, tally: Tally, facts: RunFacts, doubts: Iterable[str], word: tuple[str, ...]) -> Outcome:
        code = None if self.own is None else ExitCode(self.own["exit_code"])
        blind = tuple(dict.fromkeys(doubts))
        seen = figures(self.scenario, tally, self.findings, blind, facts, code if code in _INTERRUPTED else None)
        outcome = decide(self._whole(seen, tally), self.scenario.thresholds)
        reasons = dict.fromkeys(outcome.reasons)
        if self.findings:
            reasons |= dict.fromkeys(blind)
        return replace(outcome, reasons=(*reasons, *word))

    def _whole(self, seen: Figures, tally: Tally) -> Figures:
        """Return the figures of the whole run: what its history has left out was right."""
        seen = replace(seen, measured=self._measured(seen))
        left_out = self._kept()["left_out"]
        if self.own is None or not left_out:
            return seen
        measured = self.own["exchanges"]["sent"] - tally.counts.sent
        return replace(seen, checked=seen.checked + measured, judged=seen.judged + left_out, unchecked=())

    def _measured(self, seen: Figures) -> Mapping[str, float | None]:
        """Return what was measured: of an incomplete history it would say something else than of the run."""
        own = [] if self.own is None else self.own["thresholds"]
        whole = {one["name"]: one["value"] for one in own}
        if not self._kept()["left_out"]:
            whole = {name: value for name, value in whole.items() if name not in _COUNTED_AGAIN}
        return {**seen.measured, **whole}

    def _place(self, request: int) -> Place:
        run = self.stored.run
        return Place(run["file"], run["places"].get(self.scenario.requests[request].name, 1))

    def _written(self, rejudging: Rejudging) -> list[StoredFinding]:
        target, context = self.scenario.target, rejudging.context
        composer = Composer(
            self.scenario, rejudging.population, target.url, lambda _: None, context.nonce, rejudging.mark
        )
        writer = FindingWriter(self.scenario, rejudging.population, self._place, composer.compose, lambda _: None)
        return [writer.stored(finding) for finding in self.findings]


def _windows(thresholds: Sequence[StoredThreshold]) -> dict[str, Worst]:
    """Return the worst windows as the run measured them: the moments of single answers are not put together again."""
    return {
        one["name"]: Worst(one["value"], one["at_s"])
        for one in thresholds
        if one["value"] is not None and one["at_s"] is not None
    }


def _known(finding: StoredFinding, told: Sequence[StoredFinding]) -> StoredFinding:
    """Return a finding with what the run itself found out about it, which is more than its history can tell."""
    for one in told:
        if _key(one) == _key(finding):
            unknown = _INQUIRED if any(finding["evidence"].values()) else _INQUIRED | {"evidence"}
            own = {key: value for key, value in finding.items() if key not in unknown}
            return cast("StoredFinding", {**one, **own})
    return finding


def _key(finding: StoredFinding) -> tuple[object, ...]:
    return finding["symptom"], finding["request"], finding["victim"], finding["source"], finding["seq"]
