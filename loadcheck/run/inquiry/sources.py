"""Who the source of a finding was, where the rows of its answer do not say."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

import asyncpg

from loadcheck.engine.events import Draw
from loadcheck.errors import LoadcheckError
from loadcheck.judge.findings import Finding, Reproduction
from loadcheck.judge.stamp import stamp_of
from loadcheck.judge.verdict import Cause
from loadcheck.oracle.database import GONE
from loadcheck.run.inquiry.asking import Asking, is_the_very_answer, is_wrong

_BY_ITS_CLAIMS: Final = frozenset({Cause.TRANSACTION_FRAMING, Cause.GATEWAY})
_LEFT_ON_A_BACKEND: Final = frozenset({Cause.SESSION_STATE, Cause.PLAN_CACHE})
_ALL_S: Final = 20.0
_EACH_S: Final = 10.0


async def name_sources(findings: Iterable[Finding], asking: Asking) -> None:
    """Give findings the identity whose claims or setting the answer was made with, where that is known.

    Args:
        findings: After their causes were named and their reproductions sought.
        asking: Sends draws again, for some 20 seconds in all.
    """
    until = asking.clock.now() + _ALL_S
    for finding in findings:
        if finding.source is not None:
            continue
        if finding.cause in _BY_ITS_CLAIMS:
            finding.source = _by_claims(finding, asking.parts.context.digests)
        elif finding.cause in _LEFT_ON_A_BACKEND and finding.reproduction is not None:
            with suppress(LoadcheckError, asyncpg.PostgresError, *GONE):
                async with asyncio.timeout(min(_EACH_S, until - asking.clock.now())):
                    finding.source = await _by_replay(finding, finding.reproduction, asking)


def _by_claims(finding: Finding, digests: Sequence[str]) -> int | None:
    answer = finding.first.answer
    stamp = None if answer is None else stamp_of(answer)
    if stamp is None or digests[finding.victim] == stamp.digest or digests.count(stamp.digest) != 1:
        return None
    return digests.index(stamp.digest)


async def _by_replay(finding: Finding, reproduction: Reproduction, asking: Asking) -> int | None:
    """Return whose one exchange, among the victim's own, makes the very answer that the victim alone does not get.

    Nobody is named where backends are not fresh, for what the load left on them may show with any exchange; nor where
    somebody else's exchange, of those that came before, makes the same answer.
    """
    *before, last = reproduction.draws
    in_turn = reproduction.concurrency == reproduction.repeat == 1
    if not (reproduction.fresh and in_turn and last == finding.first.draw):
        return None
    own = [last] * len(before)  # in place of whatever was needed only to take a turn

    async def makes_it(at: int, draw: Draw) -> bool:
        return is_the_very_answer(await asking.outcome([*own[:at], draw, *own[at + 1 :], last]), finding)

    if is_wrong(await asking.outcome([*own, last])) is not False:
        return None
    for at, draw in reversed(list(enumerate(before))):
        if draw.identity != finding.victim and await makes_it(at, draw):
            rivals = [await makes_it(at, rival) for rival in _rivals(finding, draw)]
            return None if any(rivals) else draw.identity
    return None


def _rivals(finding: Finding, draw: Draw) -> Iterable[Draw]:
    """Return what others asked for by the same request before the answer, the latest of each."""
    alike = {other.identity: other for other in finding.led.anywhere[:-1] if other.request == draw.request}
    return [other for identity, other in alike.items() if identity != draw.identity]
