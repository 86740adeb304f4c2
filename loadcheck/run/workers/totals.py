"""Totals: what several workers have counted and found, put together as one run's."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Final

from loadcheck.engine.events import PhaseEnded, PhaseStarted
from loadcheck.record.generator import Generator
from loadcheck.run.desk import Desk
from loadcheck.run.judging.accounts import Accounts
from loadcheck.run.judging.judging import Judging
from loadcheck.run.workers.hands import Hand, Hands
from loadcheck.run.workers.messages import Report
from loadcheck.run.workers.uses import Confluence

_UNFINISHED: Final = "what worker {} has written is not accounted for: it did not audit it to the end"
_LATEST: Final = ("lag_p99_ms", "late_p99_ms", "starved_s")


class Totals:
    """Counts for the run what its workers have told that they counted.

    Args:
        hands: The workers.
        judging: Where canaries and coverage go; it judges nothing itself.
        desk: Where everything else goes.

    Attributes:
        used: What all processes of loadcheck have used.
    """

    def __init__(self, hands: Hands, judging: Judging, desk: Desk) -> None:
        self._hands = hands
        self._judging = judging
        self._desk = desk
        self._confluence = Confluence(judging.coverage)
        self.used = _Together(hands)

    def count(self) -> None:
        """Count anew all that was told by now."""
        desk, reports = self._desk, self._reports()
        desk.tally.put_together(report.tally for report in reports)
        for finding in desk.findings.put_together(hand.findings for hand in self._hands.hands):
            desk.observer.finding(finding)
        canaries = self._judging.canaries
        canaries.planted = sum((report.planted for report in reports), Counter())
        canaries.passed = sum((report.passed for report in reports), Counter())
        self._confluence.add([hand.taken() for hand in self._hands.hands])
        if desk.findings:
            desk.halt.pull("a violation")

    def close(self) -> None:
        """Count what came last, and keep what is told at the end only.

        Raises:
            EnvironmentProblem: the history cannot be written.
        """
        self.count()
        self._confluence.close()
        finished = [hand.finished for hand in self._hands.hands if hand.finished is not None]
        beginnings = zip_longest(*(each.beginning for each in finished))
        self._desk.trail.begin_with(draw for draw in chain.from_iterable(beginnings) if draw is not None)
        self._desk.elsewhere.extend(each.kept for each in finished)
        self._desk.doubts.extend(uncounted(hand) for hand in self._hands.hands if hand.finished is None)
        for event, missed in self._phases():
            self._desk.history.phase(event, missed)

    def accounts(self) -> Accounts:
        """Return what came of the writes of all workers; what one has not audited to its end is in doubt."""
        together = Accounts.together([report.accounts for report in self._reports()])
        unfinished = [hand.number for hand in self._hands.hands if hand.finished is None]
        together.doubts += [_UNFINISHED.format(number) for number in unfinished]
        return together

    def generator(self) -> dict[str, float | None]:
        """Return what loadcheck itself used and missed, in all its processes, and by how much the latest was late."""
        told = [report.generator for report in self._reports()]
        latest = {name: max((one[name] or 0.0 for one in told), default=0.0) for name in _LATEST}
        return {**self.used.figures(), "missed": self._desk.tally.missed_arrivals, **latest}

    def in_flight(self) -> int:
        """Return how many exchanges were sent and not yet done, as it was told last."""
        return sum(report.in_flight for report in self._reports())

    def _phases(self) -> Iterator[tuple[PhaseStarted | PhaseEnded, int]]:
        for index, phase in enumerate(self._desk.tally.phases):
            if phase.started is not None:
                yield PhaseStarted(index, phase.phase, phase.started), 0
            if phase.ended is not None:
                yield PhaseEnded(index, phase.phase, phase.ended), phase.missed

    def _reports(self) -> list[Report]:
        return [hand.report for hand in self._hands.hands if hand.report is not None]


def uncounted(hand: Hand) -> str:
    """Tell what is missing of a worker that has not finished."""
    how = hand.lost or "did not end in time"
    return f"worker {hand.number} {how}: what it had done since its last report is not counted"


class _Together(Generator):
    """What all processes of loadcheck have used.

    Args:
        hands: The workers.
    """

    def __init__(self, hands: Hands) -> None:
        super().__init__()
        self._hands = hands

    def figures(self) -> dict[str, float | None]:
        """Return seconds of processor time and of waiting for it, and in MB the sum of the largest memories."""
        told = [super().figures(), *(hand.report.generator for hand in self._hands.hands if hand.report is not None)]
        return {name: round(sum(one[name] or 0.0 for one in told), 3) for name in ("cpu_s", "waited_s", "rss_max_mb")}
