"""Diagnosis: from what was seen when a finding was asked about again, to one cause and the reasoning in three lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadcheck.judge.errors import LOST_SETTINGS
from loadcheck.judge.verdict import Cause, Symptom, Verdict

# Of a rate that shows so many wrong answers, as many more would show none once in 150 times.
_SURELY: Final = 5
_ALIKE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Trial:
    """How often the same wrong answer came when it was asked for again under other conditions.

    Attributes:
        wrong: How many answers were wrong.
        asked: How many there were; 0 when it could not be tried.
        lost: How many of the wrong ones were errors of a statement whose settings or transaction were lost.
    """

    wrong: int = 0
    asked: int = 0
    lost: int = 0

    def __str__(self) -> str:
        """Tell it in words."""
        return f"{self.wrong} of {self.asked} wrong" if self.asked else "could not be tried"

    @property
    def always(self) -> bool:
        """Whether each one was wrong."""
        return 0 < self.asked == self.wrong

    @property
    def never(self) -> bool:
        """Whether it was tried, and none was wrong."""
        return self.asked > 0 == self.wrong


UNTRIED: Final = Trial()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same load twice.

    Attributes:
        pooled: Through the target as it is.
        past: Through the same servers, but for the pooler.
    """

    pooled: Trial = Trial()
    past: Trial = Trial()

    def __str__(self) -> str:
        """Tell it in words."""
        return f"the same load again: {self.pooled}; past the pooler: {self.past}"

    @property
    def blames_the_pooler(self) -> bool:
        """Whether chance can hardly have kept past the pooler away what came through it."""
        alike = self.past.asked >= self.pooled.asked * _ALIKE
        return self.pooled.wrong >= _SURELY and self.past.never and alike


@dataclass(frozen=True, slots=True)
class Observations:
    """What asking again has shown.

    Attributes:
        alone: Asked with nobody else about.
        fresh: Whether that was each time on a backend that nobody had used before.
        directly: Rows that PostgreSQL shows the identity wrongly, asked without anything between.
        replayed: What led to the finding, one after another.
        over: Alone once more after PostgREST was started over, where fresh backends did not help.
        stamped: Whether the wrong answer has a stamp, which showed the right settings.
        mine: Whether that stamp has the nonce that was sent.
        outside: Whether it lacks the stamp that PostgREST itself puts on other answers to the request.
        straight: Whether nothing stands before PostgREST.
        mixed: Whether more answers of the run lost their settings, or ran in another's transaction, than were another
            exchange's.
        compared: The load that led to it, with the pooler and past it.
        immutable: Functions that promise not to depend on settings, and read them.
        holes: What in the catalogue lets rows through whoever asks.
    """

    alone: Trial = Trial()
    fresh: bool = False
    directly: Trial = Trial()
    replayed: Trial = Trial()
    over: Trial = Trial()
    stamped: bool = False
    mine: bool = False
    outside: bool = False
    straight: bool = False
    mixed: bool = False
    compared: Comparison = Comparison()
    immutable: Sequence[str] = ()
    holes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A cause, and the reasoning that led to it: three lines, or none where there was nothing to reason from."""

    cause: Cause
    reasoning: tuple[str, ...]


# With which codes a policy refuses: none for rows that are not shown, a right or a check that lacks, a loop.
_OF_POLICIES: Final = frozenset({"", "42501", "42P17"})

# What lets rows through or holds them back changes neither their values nor the headers.
_NO_POLICYS: Final = frozenset({Symptom.ALTERED_ROWS, Symptom.WRONG_HEADERS})

_Conclusion = tuple[Cause, str]

_ALWAYS: Final = "wrong even where nobody was before: the rules themselves let it through"
_REFUSED: Final = "refused even where nobody was before: it is the request that fails, whoever had the backend"
_SENT: Final = (
    "wrong even where nobody was before: it is how the target answers, whoever asks; does the scenario expect the same?"
)
_RULES: Final = "PostgreSQL itself shows it so: the rules themselves let it through"
_SEQUENCE: Final = "wrong after others, one at a time: something stays on the connection"
_LOST_ALONE: Final = "even alone it meets errors of statements that ran without their settings: they are sent apart"
_OF_A_CLIENT: Final = "something stays with PostgREST's connections, and the pooler gives it to every backend"
_CONCURRENCY: Final = "right one at a time, wrong under concurrency: statements of several callers mix"
_BETWEEN: Final = "PostgreSQL is right, alone it is wrong: it happens between the two"
_KEPT: Final = "something is kept on a connection or in a cache: the stamp would tell which (`doctor --install-stamp`)"
_NOT_SEEN: Final = "right one at a time: it takes concurrency, or what was asked long before"
_MARKED: Final = "each row carries the mark of the write that made it: what became of it is certain"
_THROUGH: Final = "the rules themselves let it through"
_TRIGGERED: Final = "a trigger or a rule may drop or rewrite what is written: look there first"
_BY_ITSELF: Final = "nobody else was there: the table's own rules lose or move what is written"
_ELSEWHERE: Final = "the stamp on the answer is another exchange's"
_OF_ANOTHERS_TOKEN: Final = (
    "the stamp on the answer has this exchange's nonce, and another identity's claims",
    "PostgREST sets both at once, from the headers of one request",
    "whatever stands before PostgREST sent this request on with another caller's token",
)
_NO_GATEWAY: Final = "more answers of the run were made without their settings, which no gateway can bring about"
_MIXED: Final = "so transactions mix, and this query ran within another caller's"
_NO_STAMP: Final = "the answer has no stamp, and PostgREST puts one on every answer to this request"
_WRITTEN_WITHIN: Final = "the stamp is written in a transaction's beginning, and read in its query"
_OUTSIDE: Final = "the query ran outside of that transaction, or within another caller's"
_HANDED_ON: Final = "so it is the pooler: it hands backends on before their transactions have ended"
_UNTRIED: Final = "more could not be tried"
_COLUMNS: Final = (
    "wrong each time, with nobody else about: does the SQL of `rows` read the columns that the request selects?"
)


def diagnose(seen: Observations, verdict: Verdict) -> Diagnosis:
    """Name the cause of a finding.

    Args:
        seen: What asking again has shown.
        verdict: That on the finding's first answer.
    """
    if (told := _by_the_answer(seen, verdict)) is not None:
        return told
    if verdict.symptom is Symptom.WRONG_EXCHANGE:  # rows of other columns: nothing tells whose
        by_itself = seen.alone.always and not seen.over.never
        return Diagnosis(Cause.UNDETERMINED, (*_told(seen), _COLUMNS) if by_itself else ())
    if not (seen.alone.asked or seen.directly.asked):
        return Diagnosis(Cause.UNDETERMINED, ())
    cause, conclusion = _on_fresh_backends(seen, verdict) if seen.fresh else _on_used_backends(seen)
    return Diagnosis(cause, (*_told(seen), conclusion))


def _by_the_answer(seen: Observations, verdict: Verdict) -> Diagnosis | None:
    """Return what the answer itself tells; None where it tells too little."""
    if verdict.cause is Cause.GATEWAY and seen.mine:
        return Diagnosis(Cause.GATEWAY, _OF_ANOTHERS_TOKEN)
    if verdict.cause is Cause.GATEWAY and (acquitting := _no_gateway(seen)):
        return Diagnosis(Cause.TRANSACTION_FRAMING, acquitting)
    if verdict.cause is not Cause.UNDETERMINED:
        return Diagnosis(verdict.cause, _compared(_known(verdict), seen))
    if verdict.code in LOST_SETTINGS:
        return Diagnosis(Cause.TRANSACTION_FRAMING, _compared(_lost_settings(verdict.code), seen))
    if seen.outside:
        return Diagnosis(Cause.TRANSACTION_FRAMING, _compared((_NO_STAMP, _WRITTEN_WITHIN, _OUTSIDE), seen))
    return None


def _no_gateway(seen: Observations) -> tuple[str, ...]:
    """Return why an answer with another exchange's stamp is not a gateway's doing; empty where it may be."""
    if seen.compared.blames_the_pooler:
        return _ELSEWHERE, str(seen.compared), _HANDED_ON
    return (_ELSEWHERE, _NO_GATEWAY, _MIXED) if seen.mixed and not seen.compared.past.asked else ()


def diagnose_write(
    verdict: Verdict, holes: Sequence[str], meddlers: Sequence[str], alone: Trial = UNTRIED
) -> Diagnosis:
    """Name the cause of a finding about what a run has written.

    A policy that lets every write through is enough: the row shows that one did go through. A trigger is not: repaired
    tables have triggers, too, and a crash or a setting left on a backend leaves the same traces. It takes a write that
    goes wrong with nobody else about.

    Args:
        verdict: That on the finding's first answer.
        holes: Policies of the table that let every write through.
        meddlers: Triggers and rules of the table, which may drop or change what is written.
        alone: The same write again and again by one caller, one at a time on fresh backends.
    """
    if verdict.symptom is Symptom.CROSS_WRITE and holes:
        return Diagnosis(Cause.POLICY, (_MARKED, f"in the catalogue stands {'; '.join(holes)}", _THROUGH))
    tried = f"written again by one caller alone, on fresh backends: {alone}"
    if alone.wrong:
        return Diagnosis(Cause.POLICY, (_MARKED, tried, _blaming(_BY_ITSELF, meddlers)))
    if meddlers:
        standing = f"on the table stands {'; '.join(meddlers)}"
        return Diagnosis(Cause.UNDETERMINED, (_MARKED, f"{standing}; {tried}" if alone.asked else standing, _TRIGGERED))
    return Diagnosis(Cause.UNDETERMINED, ())


def _compared(reasoning: tuple[str, ...], seen: Observations) -> tuple[str, ...]:
    """Return the reasoning with what the same load has shown with the pooler and past it, where that was tried."""
    if not reasoning or not (seen.compared.pooled.asked and seen.compared.past.asked):
        return reasoning
    first, _, last = reasoning
    return first, str(seen.compared), _HANDED_ON if seen.compared.blames_the_pooler else last


def _told(seen: Observations) -> tuple[str, str]:
    where = "on fresh backends" if seen.fresh else "through the target"
    over = f"; PostgREST started over: {seen.over}" if seen.over.never else ""
    return (
        f"asked alone {where}: {seen.alone}{over}",
        f"directly in PostgreSQL as the identity: {seen.directly}; what led to it, one at a time: {seen.replayed}",
    )


def _on_fresh_backends(seen: Observations, verdict: Verdict) -> _Conclusion:
    if seen.alone.lost:
        return Cause.TRANSACTION_FRAMING, _LOST_ALONE
    if seen.over.never:
        return _left_behind(seen, _OF_A_CLIENT) if seen.replayed.wrong else (Cause.UNDETERMINED, _OF_A_CLIENT)
    if seen.alone.always:
        return _even_alone(seen, verdict)
    if seen.replayed.wrong:
        return _left_behind(seen)
    if seen.replayed.asked:
        return _under_concurrency(seen)
    return Cause.UNDETERMINED, _UNTRIED


def _even_alone(seen: Observations, verdict: Verdict) -> _Conclusion:
    if verdict.code not in _OF_POLICIES:
        return Cause.UNDETERMINED, _REFUSED
    if verdict.symptom in _NO_POLICYS and not seen.directly.wrong:
        return Cause.UNDETERMINED, _SENT
    return (Cause.UNDETERMINED, _BETWEEN) if seen.directly.never else _policy(seen, _ALWAYS)


def _under_concurrency(seen: Observations) -> _Conclusion:
    if seen.compared.past.wrong and seen.straight:
        return _left_behind(seen, f"{seen.compared}: something stays on PostgREST's own connections")
    if seen.compared.past.asked:
        return Cause.TRANSACTION_FRAMING, f"{_CONCURRENCY}; {seen.compared}"
    return Cause.TRANSACTION_FRAMING, _CONCURRENCY


def _on_used_backends(seen: Observations) -> _Conclusion:
    """Conclude what can be said where backends cannot be ended: what others left there may be in every answer."""
    if seen.directly.always:
        return _policy(seen, _RULES)
    if not seen.directly.asked:
        return Cause.UNDETERMINED, _UNTRIED
    if not (seen.alone.wrong or seen.replayed.wrong):
        return Cause.UNDETERMINED, _NOT_SEEN
    return _left_behind(seen) if seen.stamped else (Cause.UNDETERMINED, _KEPT)


def _policy(seen: Observations, reason: str) -> _Conclusion:
    return Cause.POLICY, _blaming(reason, seen.holes)


def _left_behind(seen: Observations, reason: str = _SEQUENCE) -> _Conclusion:
    if seen.immutable:
        return Cause.PLAN_CACHE, _blaming(reason, seen.immutable)
    return Cause.SESSION_STATE, reason


def _blaming(reason: str, suspects: Sequence[str]) -> str:
    return f"{reason} ({'; '.join(suspects)})" if suspects else reason


def _known(verdict: Verdict) -> tuple[str, ...]:
    """Return the reasoning where the answer and its stamp have told the cause."""
    match verdict.cause:
        case Cause.GATEWAY:
            return (
                _ELSEWHERE,
                "so PostgREST made it once, and for somebody else",
                "whatever stands before PostgREST gave one caller's answer to another",
            )
        case Cause.TRANSACTION_FRAMING if verdict.code:
            return _lost_settings(verdict.code)
        case Cause.TRANSACTION_FRAMING:
            return (
                "the stamp on the answer does not show this request's settings",
                "PostgREST sets them anew in each transaction, before its query",
                _OUTSIDE,
            )
        case _:
            return ()


def _lost_settings(code: str) -> tuple[str, ...]:
    return (
        f"the answer is PostgreSQL's error {code}",
        "it comes where a statement runs without the settings or the transaction it was sent with",
        "whatever shares the backends hands them on between the statements of one request",
    )
