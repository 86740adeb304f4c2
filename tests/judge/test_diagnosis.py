"""One cause for what asking again has shown."""

from dataclasses import replace

import pytest

from loadcheck.judge.diagnosis import Comparison, Observations, Trial, diagnose, diagnose_write
from loadcheck.judge.verdict import Cause, Ruling, Symptom, Verdict

NEVER, ALWAYS, SOMETIMES, UNTRIED = Trial(0, 3), Trial(3, 3), Trial(1, 50), Trial()
READER = ("IMMUTABLE function who()",)


def wrong(code: str = "", cause: Cause = Cause.UNDETERMINED, symptom: Symptom = Symptom.SWAPPED) -> Verdict:
    return Verdict(Ruling.VIOLATION, symptom, code=code, cause=cause)


@pytest.mark.parametrize(
    ("alone", "directly", "replayed", "immutable", "code", "cause"),
    [
        (ALWAYS, ALWAYS, SOMETIMES, READER, "", Cause.POLICY),
        (ALWAYS, UNTRIED, SOMETIMES, READER, "", Cause.POLICY),
        (ALWAYS, NEVER, SOMETIMES, (), "", Cause.UNDETERMINED),
        (NEVER, NEVER, SOMETIMES, (), "", Cause.SESSION_STATE),
        (NEVER, UNTRIED, SOMETIMES, READER, "", Cause.PLAN_CACHE),
        (NEVER, NEVER, NEVER, READER, "", Cause.TRANSACTION_FRAMING),
        (UNTRIED, UNTRIED, UNTRIED, READER, "", Cause.UNDETERMINED),
        (NEVER, UNTRIED, UNTRIED, (), "", Cause.UNDETERMINED),
        (ALWAYS, UNTRIED, ALWAYS, (), "22P02", Cause.TRANSACTION_FRAMING),
        (ALWAYS, UNTRIED, ALWAYS, (), "42501", Cause.POLICY),
        (ALWAYS, UNTRIED, ALWAYS, (), "PGRST111", Cause.UNDETERMINED),
        (NEVER, UNTRIED, SOMETIMES, (), "57014", Cause.SESSION_STATE),
        (UNTRIED, UNTRIED, UNTRIED, (), "25P02", Cause.TRANSACTION_FRAMING),
    ],
)
def test_on_fresh_backends(
    alone: Trial, directly: Trial, replayed: Trial, immutable: tuple[str, ...], code: str, cause: Cause
) -> None:
    seen = Observations(alone, True, directly, replayed, immutable=immutable, holes=("view v",))  # noqa: FBT003
    diagnosis = diagnose(seen, wrong(code))
    assert diagnosis.cause is cause
    assert len(diagnosis.reasoning) == (3 if alone.asked or code else 0)


@pytest.mark.parametrize(
    ("symptom", "directly", "cause"),
    [
        (Symptom.WRONG_HEADERS, UNTRIED, Cause.UNDETERMINED),
        (Symptom.ALTERED_ROWS, UNTRIED, Cause.UNDETERMINED),
        (Symptom.ALTERED_ROWS, ALWAYS, Cause.POLICY),
        (Symptom.MISSING_ROWS, UNTRIED, Cause.POLICY),
    ],
)
def test_no_policy_changes_values_or_headers(symptom: Symptom, directly: Trial, cause: Cause) -> None:
    seen = Observations(ALWAYS, fresh=True, directly=directly, replayed=ALWAYS)
    assert diagnose(seen, wrong(symptom=symptom)).cause is cause


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(("alone", "told"), [(ALWAYS, True), (NEVER, False), (SOMETIMES, False), (UNTRIED, False)])
def test_rows_of_other_columns_each_time_ask_whether_the_scenario_means_them(
    alone: Trial,
    told: bool,  # noqa: FBT001 -- a table
    fresh: bool,  # noqa: FBT001 -- a table
) -> None:
    seen = Observations(alone, fresh=fresh, directly=ALWAYS, replayed=ALWAYS, stamped=True)
    diagnosis = diagnose(seen, wrong(symptom=Symptom.WRONG_EXCHANGE))
    assert diagnosis.cause is Cause.UNDETERMINED
    assert ["columns" in line for line in diagnosis.reasoning] == [False, False, True] * told


@pytest.mark.parametrize(
    ("alone", "directly", "replayed", "stamped", "cause"),
    [
        (ALWAYS, ALWAYS, UNTRIED, False, Cause.POLICY),
        (NEVER, ALWAYS, NEVER, True, Cause.POLICY),
        (ALWAYS, NEVER, ALWAYS, True, Cause.SESSION_STATE),
        (NEVER, NEVER, SOMETIMES, True, Cause.SESSION_STATE),
        (NEVER, NEVER, SOMETIMES, False, Cause.UNDETERMINED),
        (NEVER, NEVER, NEVER, True, Cause.UNDETERMINED),
        (ALWAYS, UNTRIED, ALWAYS, True, Cause.UNDETERMINED),
    ],
)
def test_on_a_target_only_what_is_sure_is_said(
    alone: Trial,
    directly: Trial,
    replayed: Trial,
    stamped: bool,  # noqa: FBT001 -- a table
    cause: Cause,
) -> None:
    seen = Observations(alone=alone, directly=directly, replayed=replayed, stamped=stamped)
    diagnosis = diagnose(seen, wrong())
    assert diagnosis.cause is cause
    assert len(diagnosis.reasoning) == 3


@pytest.mark.parametrize("cause", [Cause.GATEWAY, Cause.TRANSACTION_FRAMING])
def test_what_the_answer_itself_tells_has_its_reasoning(cause: Cause) -> None:
    diagnosis = diagnose(Observations(), wrong(cause=cause))
    assert diagnosis.cause is cause
    assert len(diagnosis.reasoning) == 3


POOLERS = Comparison(Trial(9, 300), Trial(0, 300))


@pytest.mark.parametrize(
    ("compared", "cause"),
    [
        (POOLERS, Cause.TRANSACTION_FRAMING),
        (Comparison(Trial(9, 300), Trial(7, 300)), Cause.GATEWAY),
        (Comparison(Trial(1, 300), Trial(0, 300)), Cause.GATEWAY),
        (Comparison(Trial(9, 300), Trial(0, 20)), Cause.GATEWAY),
        (Comparison(Trial(9, 300), UNTRIED), Cause.GATEWAY),
        (Comparison(), Cause.GATEWAY),
    ],
)
def test_no_gateway_is_blamed_for_what_only_the_pooler_can_have_done(compared: Comparison, cause: Cause) -> None:
    diagnosis = diagnose(Observations(compared=compared), wrong(cause=Cause.GATEWAY))
    assert (diagnosis.cause, len(diagnosis.reasoning)) == (cause, 3)
    assert any("past the pooler" in line for line in diagnosis.reasoning) == bool(compared.past.asked)


def test_on_a_target_whose_transactions_mix_no_gateway_is_blamed_for_it() -> None:
    mixed = Observations(mixed=True)
    diagnosis = diagnose(mixed, wrong(cause=Cause.GATEWAY))
    assert (diagnosis.cause, len(diagnosis.reasoning)) == (Cause.TRANSACTION_FRAMING, 3)
    tried = replace(mixed, compared=Comparison(Trial(9, 300), Trial(7, 300)))
    assert diagnose(tried, wrong(cause=Cause.GATEWAY)).cause is Cause.GATEWAY


def test_what_meets_lost_settings_even_alone_is_no_policy() -> None:
    seen = Observations(Trial(3, 3, lost=3), fresh=True, replayed=ALWAYS, holes=("view v",))
    diagnosis = diagnose(seen, wrong())
    assert (diagnosis.cause, len(diagnosis.reasoning)) == (Cause.TRANSACTION_FRAMING, 3)


@pytest.mark.parametrize("directly", [NEVER, UNTRIED])
def test_what_ends_with_postgrests_connections_is_no_policy(directly: Trial) -> None:
    seen = Observations(ALWAYS, fresh=True, directly=directly, replayed=SOMETIMES, over=NEVER, holes=("view v",))
    diagnosis = diagnose(seen, wrong())
    assert (diagnosis.cause, len(diagnosis.reasoning)) == (Cause.SESSION_STATE, 3)
    assert diagnose(replace(seen, replayed=NEVER), wrong()).cause is Cause.UNDETERMINED
    assert diagnose(replace(seen, over=Trial(1, 1), directly=UNTRIED), wrong()).cause is Cause.POLICY


def test_a_gateway_that_sends_a_request_on_with_anothers_token_is_blamed_whatever_else_mixes() -> None:
    diagnosis = diagnose(Observations(mine=True, mixed=True, compared=POOLERS), wrong(cause=Cause.GATEWAY))
    assert (diagnosis.cause, len(diagnosis.reasoning)) == (Cause.GATEWAY, 3)
    assert "another caller's token" in diagnosis.reasoning[-1]


def test_what_shows_under_concurrency_past_the_pooler_too_stays_on_postgrests_connections() -> None:
    both = Comparison(Trial(9, 300), Trial(8, 300))
    seen = Observations(NEVER, fresh=True, directly=NEVER, replayed=NEVER, straight=True, compared=both)
    assert diagnose(seen, wrong()).cause is Cause.SESSION_STATE
    assert diagnose(replace(seen, compared=POOLERS), wrong()).cause is Cause.TRANSACTION_FRAMING


def test_an_answer_that_lacks_the_stamp_that_others_have_ran_outside_of_its_transaction() -> None:
    diagnosis = diagnose(Observations(outside=True, compared=POOLERS), wrong())
    assert (diagnosis.cause, len(diagnosis.reasoning)) == (Cause.TRANSACTION_FRAMING, 3)


def test_the_reasoning_names_who_is_at_fault() -> None:
    hole = Observations(ALWAYS, fresh=True, holes=("view v",))
    assert "view v" in diagnose(hole, wrong()).reasoning[-1]
    plan = Observations(NEVER, fresh=True, replayed=SOMETIMES, immutable=READER)
    assert READER[0] in diagnose(plan, wrong()).reasoning[-1]


@pytest.mark.parametrize(
    ("symptom", "holes", "triggers", "alone", "cause", "named"),
    [
        (Symptom.CROSS_WRITE, ("policy p",), ("trigger t",), UNTRIED, Cause.POLICY, "policy p"),
        (Symptom.LOST_WRITE, ("policy p",), ("trigger t",), UNTRIED, Cause.UNDETERMINED, "trigger t"),
        (Symptom.CROSS_WRITE, (), ("trigger t",), UNTRIED, Cause.UNDETERMINED, "trigger t"),
        (Symptom.CROSS_WRITE, (), ("trigger t",), Trial(0, 900), Cause.UNDETERMINED, "0 of 900 wrong"),
        (Symptom.CROSS_WRITE, (), ("trigger t",), Trial(1, 900), Cause.POLICY, "trigger t"),
        (Symptom.LOST_WRITE, (), ("trigger t",), Trial(1, 900), Cause.POLICY, "1 of 900 wrong"),
        (Symptom.LOST_WRITE, (), (), UNTRIED, Cause.UNDETERMINED, ""),
    ],
)
def test_a_write_hole_is_the_cause_of_what_went_through_and_a_trigger_of_what_goes_wrong_alone(
    symptom: Symptom, holes: tuple[str, ...], triggers: tuple[str, ...], alone: Trial, cause: Cause, named: str
) -> None:
    diagnosis = diagnose_write(Verdict(Ruling.VIOLATION, symptom), holes, triggers, alone)
    assert diagnosis.cause is cause
    assert any(named in line for line in diagnosis.reasoning) is bool(named)
