"""Verdicts on writes: what a discrepancy means, once the table itself was looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loadcheck.judge.inspection import Discrepancy, Wrong
from loadcheck.judge.judge import unsettled, violation
from loadcheck.judge.verdict import Evidence, Symptom, Verdict
from loadcheck.judge.writes import Write
from loadcheck.scenario.writes import Does


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in the table.

    Attributes:
        wrong: What is wrong among the rows of one owner.
        present: The `seq` of every write whose row stands among the owner's.
        elsewhere: By the `seq` of a write: another identity, or None for nobody known, that owns the row it made.
    """

    wrong: Sequence[Discrepancy] = ()
    present: frozenset[int] = frozenset()
    elsewhere: Mapping[int, int | None] = field(default_factory=dict)


def of_answer(found: Discrepancy, standing: Standing) -> Verdict:
    """Judge an answer by the weightiest of its discrepancies: is the answer wrong, or what stands in the table?

    Args:
        found: What is wrong with the answer.
        standing: What stands in the table a moment later.
    """
    same = [each for each in standing.wrong if each.place == found.place and each.value == found.value]
    if found.expected is not None and found.expected.draw.seq in standing.elsewhere:
        return _misplaced(found, standing)
    if same:
        return of_table(same[0], standing)
    if found.wrong is Wrong.FOREIGN:
        return _foreign(found)
    if found.expected is None or found.expected.draw.seq not in standing.present:
        # What was to be there is not: it may even have been written anew since.
        return of_table(found, standing)
    if found.wrong is Wrong.GONE:
        reason = "a row that it has written, and that is there, is missing"
        return violation(Symptom.MISSING_ROWS, reason, evidence=_evidence(found))
    return violation(Symptom.ALTERED_ROWS, "a row came that is not in the table", evidence=_evidence(found))


def of_table(found: Discrepancy, standing: Standing) -> Verdict:
    """Judge what stands in the table itself."""
    if found.expected is not None and found.expected.draw.seq in standing.elsewhere:
        return _misplaced(found, standing)
    match found.wrong:
        case Wrong.FOREIGN:
            reason = "among its rows stands one that another identity wrote"
            return violation(Symptom.CROSS_WRITE, reason, source=_writer(found), evidence=_evidence(found))
        case Wrong.REFUSED:
            reason = "the row of a write that was refused is there"
            return violation(Symptom.ALTERED_ROWS, reason, evidence=_evidence(found))
        case Wrong.TWICE:
            reason = "one row is there more than once"
            return violation(Symptom.ALTERED_ROWS, reason, evidence=_evidence(found))
        case Wrong.GONE if found.doubt:
            return unsettled(unknown_remover(found.doubt))
    return _lost(found) if found.suspect is None else _removed(found, found.suspect)


def weightiest(found: Sequence[Discrepancy]) -> Discrepancy:
    """Return the discrepancy that a verdict tells: another's row before anything else."""
    return min(found, key=lambda each: list(Wrong).index(each.wrong))


def unknown_remover(doubt: str) -> str:
    """Return what is to be told of a row that is gone, where not all who may have removed it could be asked."""
    return f"a row that was there is gone, and who removed it is not known: {doubt}"


def never_looked(reason: str) -> Verdict:
    """Return the verdict where the table could not be looked at."""
    return unsettled(f"what was written could not be read: {reason}")


def _foreign(found: Discrepancy) -> Verdict:
    """Judge another's row in an answer that is not among the owner's rows, or is no more: its columns tell which."""
    if found.sighting is not None and found.sighting.owner == found.place.owner:
        return of_table(found, Standing())
    reason = "a row of another identity came"
    return violation(Symptom.FOREIGN_ROWS, reason, source=_writer(found), evidence=_evidence(found))


def _misplaced(found: Discrepancy, standing: Standing) -> Verdict:
    if found.expected is None:
        raise ValueError("nobody knows which write it was")
    source = standing.elsewhere[found.expected.draw.seq]
    whose = "nobody's" if source is None else "another identity's"
    reason = f"the row that it wrote stands among {whose} rows"
    return violation(Symptom.CROSS_WRITE, reason, source=source, evidence=_evidence(found))


def _removed(found: Discrepancy, suspect: Write) -> Verdict:
    reason = "a row that was there is gone, and another identity sent a write that may have reached it"
    return violation(Symptom.CROSS_WRITE, reason, source=suspect.draw.identity, evidence=_evidence(found))


def _lost(found: Discrepancy) -> Verdict:
    if found.expected is None:
        reason = "a row is there that was deleted, or never written"
    elif found.expected.does is Does.DELETE:
        reason = "the deletion was acknowledged, and the row is there"
    elif found.wrong is Wrong.GONE:
        reason = "the write was acknowledged, and its row is not there"
    else:
        reason = "the write was acknowledged, and its row is as it was before"
    return violation(Symptom.LOST_WRITE, reason, evidence=_evidence(found))


def _writer(found: Discrepancy) -> int | None:
    mark = None if found.sighting is None else found.sighting.mark
    return None if mark is None else mark.identity


def _evidence(found: Discrepancy) -> Evidence:
    wrong = () if found.sighting is None else (found.sighting.shown,)
    return Evidence(wrong=wrong, missing=(found.lacking,) if found.lacking else ())
