"""What a fault excuses, and until when."""

import pytest

from loadcheck.engine.events import Answer, Draw, Exchange, Lost
from loadcheck.judge.judge import unknown, unsettled, violation
from loadcheck.judge.verdict import OK, Ruling, Symptom, Verdict
from loadcheck.run.faults.recovery import GRACE_S, Recovery, Window
from loadcheck.scenario.fault import Fault

ERROR = violation(Symptom.WRONG_STATUS, "status 500, expected 200", code="57014")


def exchange(sent: float, done: float, status: int = 500) -> Exchange:
    return Exchange(Draw(0, 0, 0), 0, sent, sent, done, Answer(status, {}, b""))


@pytest.fixture
def recovered() -> list[Window]:
    return []


@pytest.fixture
def recovery(recovered: list[Window]) -> Recovery:
    return Recovery([Fault.model_validate({"do": "cancel-queries"})], recovered.append)


def test_what_was_under_way_during_the_fault_is_excused(recovery: Recovery) -> None:
    window = recovery.begin(0, 10.0)
    assert recovery.consider(exchange(9.0, 9.9), ERROR) == ERROR
    assert recovery.consider(exchange(9.0, 10.0), ERROR).ruling is Ruling.UNKNOWN
    recovery.end(window, 11.0)
    assert recovery.consider(exchange(10.9, 30.0), ERROR).fault == "cancel-queries"


def test_it_is_excused_until_the_target_has_recovered(recovery: Recovery, recovered: list[Window]) -> None:
    recovery.end(recovery.begin(0, 10.0), 11.0)
    assert recovery.consider(exchange(20.0, 20.1), ERROR).ruling is Ruling.UNKNOWN
    assert recovery.consider(exchange(10.9, 21.0, 200), OK).ruling is Ruling.OK
    assert not recovered, "what was sent before the fault was over shows nothing"
    assert recovery.consider(exchange(22.0, 23.0, 200), OK).ruling is Ruling.OK
    assert [window.recovered for window in recovered] == [23.0]
    assert recovery.tolls[0].slowest == 12.0
    assert recovery.consider(exchange(23.1, 23.2), ERROR) == ERROR
    assert recovery.consider(exchange(22.9, 23.2), ERROR).ruling is Ruling.UNKNOWN


def test_of_faults_that_are_on_at_once_each_excuses_what_is_its_own() -> None:
    faults = [Fault.model_validate({"do": kind}) for kind in ("rotate-jwt-secret", "cancel-queries")]
    recovery = Recovery(faults, lambda _: None)
    for fault in range(2):
        recovery.begin(fault, 10.0)
    refused = violation(Symptom.REFUSED_TOKEN, "a valid token was refused")
    verdicts = [recovery.consider(exchange(11.0, 11.1), each) for each in (refused, ERROR, OK)]
    assert [each.ruling for each in verdicts] == [Ruling.UNKNOWN, Ruling.UNKNOWN, Ruling.OK]
    assert [each.fault for each in verdicts] == ["rotate-jwt-secret", "cancel-queries", "cancel-queries"]


def test_a_token_that_is_refused_shows_nothing_of_what_is_behind(recovery: Recovery, recovered: list[Window]) -> None:
    recovery.end(recovery.begin(0, 10.0), 11.0)
    assert recovery.consider(exchange(12.0, 12.1, 401), OK).ruling is Ruling.OK
    assert not recovered


def test_a_target_that_does_not_recover_is_excused_no_longer_than_the_grace(recovery: Recovery) -> None:
    recovery.end(recovery.begin(0, 10.0), 11.0)
    assert recovery.consider(exchange(11.0 + GRACE_S, 60.0), ERROR).ruling is Ruling.UNKNOWN
    assert recovery.consider(exchange(11.1 + GRACE_S, 60.0), ERROR) == ERROR


@pytest.mark.parametrize(
    "verdict",
    [
        violation(Symptom.FOREIGN_ROWS, "another's"),
        violation(Symptom.ACCEPTED_TOKEN, "answered 200"),
        violation(Symptom.WRONG_STATUS, "status 500", code="25P02"),
        violation(Symptom.WRONG_STATUS, "status 500", code="22P02"),
        OK,
    ],
)
def test_nothing_else_is_excused(recovery: Recovery, verdict: Verdict) -> None:
    recovery.begin(0, 10.0)
    assert recovery.consider(exchange(11.0, 11.1), verdict).ruling is verdict.ruling


def test_a_lost_answer_stays_unknown_and_names_the_fault(recovery: Recovery) -> None:
    recovery.begin(0, 10.0)
    lost = Exchange(Draw(0, 0, 0), 0, 11.0, 11.0, 11.1, None, Lost.DISCONNECTED)
    assert recovery.consider(lost, unknown("lost")).fault == "cancel-queries"


def test_a_refusal_that_was_left_open_is_excused_and_rows_that_were_are_not(recovery: Recovery) -> None:
    recovery.begin(0, 10.0)
    open_ones = [recovery.consider(exchange(11.0, 11.1, status), unsettled("open")) for status in (400, 500, 200)]
    assert [each.disputed for each in open_ones] == [False, False, True]
    assert {each.fault for each in open_ones} == {"cancel-queries"}


@pytest.mark.parametrize("body", [b'{"code":"PGRST102","message":"Empty or invalid json"}', b"not JSON"])
def test_a_refusal_of_what_was_asked_is_not_excused(recovery: Recovery, body: bytes) -> None:
    recovery.begin(0, 10.0)
    answered = Exchange(Draw(0, 0, 0), 0, 11.0, 11.0, 11.1, Answer(400, {}, body))
    wrong = violation(Symptom.WRONG_STATUS, "status 400, expected 200")
    assert recovery.consider(answered, wrong).ruling is Ruling.VIOLATION
