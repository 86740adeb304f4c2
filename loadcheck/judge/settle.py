"""Disputes settled: what a second reading makes of an answer that disagreed with the first."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from loadcheck.judge.judge import Dispute, unknown, unsettled, violation
from loadcheck.judge.owners import Owners
from loadcheck.judge.verdict import OK, Evidence, Symptom, Verdict
from loadcheck.oracle.rows import parse, row_digest, show, split
from loadcheck.oracle.truth import Reading, Truth

_SHOWN: Final = 5

_Row = TypeVar("_Row")


def settle(dispute: Dispute, after: Reading, owners: Owners) -> Verdict:
    """Judge a dispute with the truth as it is after the answer.

    Args:
        dispute: The answer, and the truth before it was sent.
        after: The truth read after it came.
        owners: Whose rows are whose, read after it came, too.
    """
    before = dispute.before
    if dispute.agrees_with(after.truth):
        return OK
    if before is None:
        return unsettled("the truth from before the request was no longer at hand")
    if before.version == after.truth.version:
        return _classify(dispute, after, owners)
    if owners.transferred:
        return unsettled("rows change their owners while the run goes on")
    if before.agrees(after.truth) and not owners.moving:
        return _classify(dispute, after, owners)
    # The right answer may have changed and changed back: only rows that were another's at every look are evidence.
    return _never_own(dispute, before, after, owners) or unsettled("the data changed while the request was under way")


def _never_own(dispute: Dispute, before: Truth, after: Reading, owners: Owners) -> Verdict | None:
    """Find rows that are somebody else's and were the identity's own neither before nor after."""
    own = {*split(before.rows), *split(after.truth.rows)}
    extra = [digest for digest in dispute.digests if digest not in own]
    return _somebodys(dispute, after, extra, [], owners)


def _classify(dispute: Dispute, after: Reading, owners: Owners) -> Verdict:
    expected = Counter(split(after.truth.rows))
    received = Counter(dispute.digests)
    extra, missing = list((received - expected).elements()), list((expected - received).elements())
    not_own = [digest for digest in extra if digest not in expected]
    return (
        _miscounted(dispute, after, extra, missing)
        or _somebodys(dispute, after, not_own, missing, owners)
        or _repeated(dispute, after, extra, not_own)
        or _nobodys(dispute, after, extra, missing)
        or _only_missing(dispute, after, missing)
        or _misplaced(dispute, after)
    )


def _miscounted(dispute: Dispute, after: Reading, extra: list[bytes], missing: list[bytes]) -> Verdict | None:
    if extra or missing or after.truth.total in {None, dispute.total}:
        return None
    reason = f"a count of {dispute.total}, expected {after.truth.total}"
    return violation(Symptom.WRONG_HEADERS, reason)


def _somebodys(
    dispute: Dispute, after: Reading, extra: list[bytes], missing: list[bytes], owners: Owners
) -> Verdict | None:
    """Name the identity whose rows they are."""
    victim = dispute.exchange.draw.identity
    sources = Counter(owner for digest in extra if (owner := owners.of_row(digest)) not in {None, victim})
    if not sources:
        return None
    source, _ = sources.most_common(1)[0]
    theirs = [digest for digest in extra if owners.of_row(digest) == source]
    evidence = _evidence(dispute, after, theirs, missing)
    whole = owners.of_whole(dispute.digests)
    if whole not in {None, victim}:
        reason = f"the whole answer, {len(dispute.digests)} rows, is another identity's"
        return violation(Symptom.SWAPPED, reason, source=whole, evidence=evidence)
    whose = "another identity's" if len(sources) == 1 else f"those of {len(sources)} other identities"
    reason = f"{sources.total()} of {len(dispute.digests)} rows are {whose}"
    return violation(Symptom.FOREIGN_ROWS, reason, source=source, evidence=evidence)


def _repeated(dispute: Dispute, after: Reading, extra: list[bytes], not_own: list[bytes]) -> Verdict | None:
    if not extra or not_own:
        return None
    reason = f"{len(extra)} of its own rows come more often than they should"
    return violation(Symptom.ALTERED_ROWS, reason, evidence=_evidence(dispute, after, extra, []))


def _nobodys(dispute: Dispute, after: Reading, extra: list[bytes], missing: list[bytes]) -> Verdict | None:
    """Tell altered rows from rows that no identity of the scenario should get."""
    if not extra:
        return None
    evidence = _evidence(dispute, after, extra, missing)
    strangers = _among(dispute.rows, dispute.digests, extra)
    lost = list(map(parse, _among(after.rows, split(after.truth.rows), missing)))
    shapes = set(map(_columns, lost))
    if lost and not any(_columns(row) in shapes for row in strangers):
        reason = f"{_shape(strangers[0])}, expected {_shape(lost[0])}"
        return violation(Symptom.WRONG_EXCHANGE, reason, evidence=evidence)
    keys = set(map(_key, lost))
    if all(_key(row) in keys for row in strangers):
        reason = f"{len(strangers)} of {len(dispute.digests)} rows have other values than they should"
        return violation(Symptom.ALTERED_ROWS, reason, evidence=evidence)
    reason = f"{len(strangers)} of {len(dispute.digests)} rows are no identity's of this scenario"
    return violation(Symptom.FOREIGN_ROWS, reason, evidence=evidence)


def _only_missing(dispute: Dispute, after: Reading, missing: list[bytes]) -> Verdict | None:
    if not missing:
        return None
    reason = f"{len(missing)} of its own {after.truth.row_count} rows are missing"
    if dispute.digests and b"".join(dispute.digests) == after.truth.rows[: -len(b"".join(missing))]:
        reason += f"; the answer ends after the first {len(dispute.digests)}, as with a limit such as db-max-rows"
    return violation(Symptom.MISSING_ROWS, reason, evidence=_evidence(dispute, after, [], missing))


def _misplaced(dispute: Dispute, after: Reading) -> Verdict:
    """Judge the right rows in another order than the truth's."""
    if dispute.in_order(after.truth) is None:
        return unknown("the right rows in another order, which may be right as well: they lack the columns of `order=`")
    return violation(Symptom.WRONG_ORDER, "the right rows in another order", evidence=_evidence(dispute, after, [], []))


def _shape(row: Any) -> str:
    return f"rows of ({', '.join(row)})" if isinstance(row, dict) else "bare values"


def _columns(row: Any) -> tuple[str, ...]:
    return tuple(row) if isinstance(row, dict) else ()


def _key(row: Any) -> bytes:
    """What tells a row from the others: its `id`, or its first column where there is none."""
    if not isinstance(row, dict) or not row:
        return row_digest(row)
    return row_digest(row["id"] if "id" in row else next(iter(row.values())))


def _among(rows: Iterable[_Row], digests: Iterable[bytes], wanted: Iterable[bytes]) -> list[_Row]:
    """Return the rows whose digest is wanted."""
    chosen = set(wanted)
    return [row for row, digest in zip(rows, digests, strict=True) if digest in chosen]


def _evidence(dispute: Dispute, after: Reading, extra: Sequence[bytes], missing: Sequence[bytes]) -> Evidence:
    rows = dispute.rows
    wrong = _among(rows, dispute.digests, extra)[:_SHOWN]
    gone = _among(after.rows, split(after.truth.rows), missing)[:_SHOWN]
    return Evidence(
        expected=after.rows[:_SHOWN],
        received=tuple(map(show, rows[:_SHOWN])),
        wrong=tuple(map(show, wrong)),
        missing=tuple(gone),
        expected_count=after.truth.row_count,
        received_count=len(dispute.digests),
    )
