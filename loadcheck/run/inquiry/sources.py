"""Who the source of a finding was, where the rows of its answer do not say."""

from collections.abc import Sequence

from loadcheck.judge.findings import Finding
from loadcheck.judge.stamp import stamp_of
from loadcheck.judge.verdict import Cause

_BY_ITS_CLAIMS = frozenset({Cause.TRANSACTION_FRAMING, Cause.GATEWAY})
_LEFT_ON_A_BACKEND = frozenset({Cause.SESSION_STATE, Cause.PLAN_CACHE})


def source_of(finding: Finding, digests: Sequence[str]) -> int | None:
    """Return the index of the identity whose claims or setting the answer was made with; None where nobody knows.

    Args:
        finding: After its cause was named and its reproduction sought.
        digests: The claims digest of each identity.
    """
    if finding.cause in _BY_ITS_CLAIMS:
        return _by_claims(finding, digests)
    if finding.cause in _LEFT_ON_A_BACKEND:
        return _by_poison(finding)
    return None


def _by_claims(finding: Finding, digests: Sequence[str]) -> int | None:
    answer = finding.first.answer
    stamp = None if answer is None else stamp_of(answer)
    if stamp is None or digests[finding.victim] == stamp.digest or digests.count(stamp.digest) != 1:
        return None
    return digests.index(stamp.digest)


def _by_poison(finding: Finding) -> int | None:
    """Return who sent what the wrong answer needs before it.

    Who had the backend before may have left nothing on it, as what others left before stays on.
    """
    if finding.reproduction is None:
        return None
    *before, last = finding.reproduction.draws
    others = [draw.identity for draw in before if draw.identity != finding.victim]
    return others[-1] if others and last == finding.first.draw else None
