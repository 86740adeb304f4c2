"""One cause for what asking again has shown."""

import pytest

from loadcheck.judge.diagnosis import Observations, Trial, diagnose
from loadcheck.judge.verdict import Cause

NEVER, ALWAYS, SOMETIMES, UNTRIED = Trial(0, 3), Trial(3, 3), Trial(1, 50), Trial()
READER = ("IMMUTABLE function who()",)


@pytest.mark.parametrize(
    ("fresh", "replayed", "immutable", "code", "cause"),
    [
        (ALWAYS, SOMETIMES, READER, "", Cause.POLICY),
        (NEVER, SOMETIMES, (), "", Cause.SESSION_STATE),
        (NEVER, SOMETIMES, READER, "", Cause.PLAN_CACHE),
        (NEVER, NEVER, READER, "", Cause.TRANSACTION_FRAMING),
        (UNTRIED, UNTRIED, READER, "", Cause.UNDETERMINED),
        (NEVER, UNTRIED, (), "", Cause.UNDETERMINED),
        (ALWAYS, ALWAYS, (), "22P02", Cause.TRANSACTION_FRAMING),
        (UNTRIED, UNTRIED, (), "25P02", Cause.TRANSACTION_FRAMING),
    ],
)
def test_each_pattern_has_its_cause(
    fresh: Trial, replayed: Trial, immutable: tuple[str, ...], code: str, cause: Cause
) -> None:
    diagnosis = diagnose(Observations(fresh, replayed, immutable, holes=("view v",)), code)
    assert diagnosis.cause is cause
    assert (cause is Cause.UNDETERMINED and not fresh.asked) or diagnosis.reasoning


def test_the_reasoning_names_who_is_at_fault() -> None:
    assert "view v" in diagnose(Observations(ALWAYS, NEVER, (), ("view v",)), "").reasoning[-1]
    assert READER[0] in diagnose(Observations(NEVER, SOMETIMES, READER, ()), "").reasoning[-1]
