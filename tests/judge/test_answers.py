"""Statuses, errors, headers, counts and JSON: an answer that is not what was expected is never just skipped."""

import json

import pytest

from loadcheck.engine.events import Lost
from loadcheck.judge.judge import Dispute, judge
from loadcheck.judge.owners import NOBODY
from loadcheck.judge.settle import settle
from loadcheck.judge.verdict import Ruling, Symptom
from loadcheck.oracle.expectation import Expectations
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.model import Scenario
from tests.judge.cases import ROWS, body, exchange, expectation, reading, verdict

MINE = [{"id": 1}, {"id": 2}]
REFUSED = expectation({"status": 401})
NONE = reading([])


def error(code: str) -> bytes:
    return json.dumps({"code": code, "message": "m", "details": None, "hint": None}).encode()


@pytest.mark.parametrize("lost", [lost for lost in Lost if lost is not Lost.PROTOCOL])
def test_a_lost_answer_is_unknown(lost: Lost) -> None:
    assert verdict(exchange(lost=lost), ROWS, reading(MINE)).ruling is Ruling.UNKNOWN


def test_an_answer_that_is_not_http_is_malformed() -> None:
    assert verdict(exchange(lost=Lost.PROTOCOL), ROWS, reading(MINE)).symptom is Symptom.MALFORMED


@pytest.mark.parametrize("sent", [b"<html>login</html>", b"", b"[", b"\xff\xfe", b"[" * 5000])
def test_a_success_that_is_not_json_is_malformed(sent: bytes) -> None:
    answer = verdict(exchange(sent, content_type="text/html"), ROWS, reading(MINE))
    assert answer.symptom is Symptom.MALFORMED


def test_a_broken_token_that_gets_an_answer_is_an_accepted_token() -> None:
    answer = verdict(exchange(body(MINE)), REFUSED, NONE, token=TokenKind.EXPIRED)
    assert answer.symptom is Symptom.ACCEPTED_TOKEN


def test_a_valid_token_that_gets_more_than_its_request_allows_is_a_wrong_status() -> None:
    answer = verdict(exchange(b"", 201), expectation({"status": 403}, method="post"), NONE)
    assert answer.symptom is Symptom.WRONG_STATUS


def test_a_valid_token_that_is_refused_is_a_refused_token() -> None:
    answer = verdict(exchange(error("PGRST301"), 401), ROWS, reading(MINE))
    assert (answer.symptom, answer.code) == (Symptom.REFUSED_TOKEN, "PGRST301")


def test_an_expected_error_must_carry_its_code() -> None:
    expected = expectation({"status": 403, "error": "42501"})
    assert verdict(exchange(error("42501"), 403), expected, NONE).ruling is Ruling.OK
    assert verdict(exchange(error("42883"), 403), expected, NONE).symptom is Symptom.WRONG_STATUS
    assert verdict(exchange(b"", 403), expected, NONE).symptom is Symptom.WRONG_STATUS


def test_expected_headers_are_compared_and_absent_ones_must_be_absent() -> None:
    expected = expectation({"headers": {"X-Tenant": "a", "X-Debug": None}})
    assert verdict(exchange(x_tenant="a"), expected, NONE).ruling is Ruling.OK
    assert verdict(exchange(x_tenant="b"), expected, NONE).symptom is Symptom.WRONG_HEADERS
    assert verdict(exchange(), expected, NONE).symptom is Symptom.WRONG_HEADERS
    assert verdict(exchange(x_tenant="a", x_debug="1"), expected, NONE).symptom is Symptom.WRONG_HEADERS


@pytest.mark.parametrize("stated", ["0-0/*", "0-2/*", "*/*", "0-1/3", "*/0"])
def test_a_content_range_that_contradicts_the_rows_is_a_wrong_header(stated: str) -> None:
    counting = expectation({"rows": "SELECT 1"}, Prefer="count=exact")
    answer = verdict(exchange(body(MINE), content_range=stated), counting, reading(MINE))
    assert answer.symptom is Symptom.WRONG_HEADERS


@pytest.mark.parametrize("stated", ["0-1/1", "0-1/5"])
def test_a_planned_or_estimated_count_is_no_promise(stated: str) -> None:
    planned = expectation({"rows": "SELECT 1"}, Prefer="count=planned")
    assert verdict(exchange(body(MINE), content_range=stated), planned, reading(MINE)).ruling is Ruling.OK


def test_a_function_that_returns_json_counts_as_one_row() -> None:
    rpc = expectation({"rows": "SELECT 1"}, "/rpc/mine")
    assert verdict(exchange(body(MINE), content_range="0-0/*"), rpc, reading(MINE)).ruling is Ruling.OK


@pytest.mark.parametrize("token", ["expired", "not-yet-valid", "wrong-key", "unsigned", "malformed"])
def test_a_broken_token_without_an_expectation_of_its_own_must_be_refused(token: str) -> None:
    scenario = Scenario.model_validate(
        {
            "name": "broken",
            "identities": [{"name": "broken", "token": token, "claims": {"role": "r"}}],
            "requests": [{"name": "list", "get": "/pets", "expect": {"rows": []}}],
        }
    )
    refused = Expectations(scenario).of(0, 0)
    assert verdict(exchange(b"", 401), refused, NONE, token=TokenKind(token)).ruling is Ruling.OK
    assert verdict(exchange(b"[]"), refused, NONE, token=TokenKind(token)).symptom is Symptom.ACCEPTED_TOKEN


@pytest.mark.parametrize("stated", ["0-1/*", "0-1/2"])
def test_a_content_range_that_fits_the_rows_is_ok(stated: str) -> None:
    assert verdict(exchange(body(MINE), content_range=stated), ROWS, reading(MINE)).ruling is Ruling.OK


def test_a_page_may_count_more_rows_than_it_holds() -> None:
    page = expectation({"rows": "SELECT 1"}, "/pets?limit=2&offset=4")
    answer = verdict(exchange(body(MINE), 206, content_range="4-5/9"), page, reading(MINE))
    assert answer.ruling is Ruling.OK


def test_an_expected_count_is_held_against_the_content_range() -> None:
    counting = expectation({"count": "SELECT 1"}, method="head")
    assert verdict(exchange(b"", content_range="0-6/7"), counting, reading([], 7)).ruling is Ruling.OK
    assert verdict(exchange(b"", content_range="0-6/8"), counting, reading([], 7)).symptom is Symptom.WRONG_HEADERS
    assert verdict(exchange(b""), counting, reading([], 7)).symptom is Symptom.WRONG_HEADERS


def test_rows_and_count_may_be_expected_together() -> None:
    both = expectation({"rows": "SELECT 1", "count": "SELECT 2"})
    assert verdict(exchange(body(MINE), content_range="0-1/2"), both, reading(MINE, 2)).ruling is Ruling.OK
    assert verdict(exchange(body(MINE), content_range="0-1/5"), both, reading(MINE, 2)).symptom is Symptom.WRONG_HEADERS


def test_a_json_body_is_compared_as_a_whole() -> None:
    expected = expectation({"json": {"who": "a", "n": 1.50}})
    assert verdict(exchange(b'{"n": 1.5, "who": "a"}'), expected, NONE).ruling is Ruling.OK
    assert verdict(exchange(b'{"n": 1.5, "who": "b"}'), expected, NONE).symptom is Symptom.ALTERED_ROWS
    assert verdict(exchange(b"nothing"), expected, NONE).symptom is Symptom.MALFORMED


def test_a_truth_that_is_no_longer_at_hand_never_makes_a_violation() -> None:
    dispute = judge(exchange(body([])), ROWS, TokenKind.VALID, None, {})
    assert isinstance(dispute, Dispute)
    assert settle(dispute, reading(MINE), NOBODY).ruling is Ruling.UNKNOWN
    assert settle(dispute, reading([]), NOBODY).ruling is Ruling.OK
