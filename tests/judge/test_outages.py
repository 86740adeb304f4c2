"""Refusals: which of them say only that the target was not available, and which are evidence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.events import Answer
from loadcheck.judge.errors import FRAMING, is_outage
from loadcheck.judge.verdict import Cause, Ruling, Symptom, Verdict
from tests.judge.cases import ROWS, exchange, expectation, reading, verdict

MINE = [{"id": 1}, {"id": 2}]
HEAD = expectation({"count": 2}, method="head")
ERRORS = st.integers(400, 599).filter(lambda status: status != 401)  # which is about the token


def error(code: str, message: str = "m") -> bytes:
    return json.dumps({"code": code, "message": message, "details": None, "hint": None}).encode()


def of(body: bytes, status: int) -> Verdict:
    return verdict(exchange(body, status), ROWS, reading(MINE))


@pytest.mark.parametrize("code", ["PGRST000", "PGRST001", "PGRST002", "PGRST003", "57P01", "57P02", "08006", "53300"])
@pytest.mark.parametrize("status", [500, 503])
def test_an_outage_is_unknown(code: str, status: int) -> None:
    assert of(error(code), status).ruling is Ruling.UNKNOWN


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_gateway_that_refuses_is_unknown(status: int) -> None:
    assert of(b"upstream", status).ruling is Ruling.UNKNOWN


@pytest.mark.parametrize("code", ["22P02", "25P02", "26000", "42P05", "25001", "42501", "57014", "42P01"])
@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
@pytest.mark.parametrize("message", ["m", "", "server conn crashed?"])
def test_an_error_code_of_postgresql_is_evidence_whatever_its_status(code: str, status: int, message: str) -> None:
    answer = of(error(code, message), status)
    assert (answer.symptom, answer.code) == (Symptom.WRONG_STATUS, code)


@pytest.mark.parametrize(
    ("code", "cause"),
    [("25P02", Cause.TRANSACTION_FRAMING), ("26000", Cause.TRANSACTION_FRAMING), ("57014", Cause.UNDETERMINED)],
)
def test_errors_that_only_mixed_up_transactions_make_name_their_cause(code: str, cause: Cause) -> None:
    assert of(error(code), 500).cause is cause


# PgBouncer's words.
AWAY = [
    "server conn crashed?",
    "server login has been failing, try again later (server_login_retry)",
    "server login has been failing, cached error: connect failed (server_login_retry)",
    "pgbouncer cannot connect to server",
    "query_wait_timeout",
    "client_idle_timeout",
    "client_login_timeout (server down)",
    "no more connections allowed (max_client_conn)",
    "client connections exceeded (max_db_client_connections)",
    'database "pets" is disabled',
    "database configuration changed",
    "database removed",
    "suspend_timeout",
    "server shutting down",
]
EVIDENCE = [
    'bind message supplies 1 parameters, but prepared statement "3" requires 0',
    "bind message has 2 parameter formats but 1 parameters",
    "insufficient data left in message",
    "prepared statement did not exist",
    "prepared statement name is already in use",
    "transaction blocks not allowed in statement pooling mode",
    "query timeout",
    "idle transaction timeout",
    "invalid server parameter",
    "unknown pkt",
    "",
]


@pytest.mark.parametrize("message", AWAY)
@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_pooler_that_has_no_server_is_an_outage(message: str, status: int) -> None:
    answer = of(error("08P01", message), status)
    assert (answer.ruling, answer.code, answer.disputed) == (Ruling.UNKNOWN, "08P01", False)


@pytest.mark.parametrize("message", EVIDENCE)
@pytest.mark.parametrize("status", [400, 500, 503])
def test_all_else_of_its_code_is_evidence(message: str, status: int) -> None:
    answer = of(error("08P01", message), status)
    assert answer.symptom is Symptom.WRONG_STATUS
    assert (answer.cause is Cause.TRANSACTION_FRAMING) is message.startswith("bind message")


@given(st.text(max_size=80), ERRORS)
def test_what_a_pooler_is_not_known_to_say_is_no_outage(message: str, status: int) -> None:
    assert not is_outage(Answer(status, {}, error("08P01", message)))


@given(st.sampled_from(AWAY), ERRORS, st.sampled_from([*sorted(FRAMING), "22P02", "57014", "XX000"]))
def test_its_words_count_with_its_own_code_only(message: str, status: int, code: str) -> None:
    assert is_outage(Answer(status, {}, error("08P01", message)))
    assert not is_outage(Answer(status, {}, error(code, message)))


@pytest.mark.parametrize("code", ["PGRST000", "57P01", "08P01", ""])
def test_an_outage_is_unknown_where_another_error_is_expected(code: str) -> None:
    message = {"08P01": "server conn crashed?", "": ""}.get(code, "m")
    for status in (400, 503):
        refused = expectation({"status": status, "error": "42501"})
        assert verdict(exchange(error(code, message), status), refused, reading([])).ruling is Ruling.UNKNOWN


@given(ERRORS)
def test_an_error_without_a_word_is_a_connection_that_broke(status: int) -> None:
    assert of(error("", ""), status).ruling is Ruling.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        error("", "m"),
        error("PGRST102", ""),
        b'{"message": ""}',
        b'{"code": ""}',
        b'{"code": null, "message": null}',
        b'[{"code": "", "message": ""}]',
        b"{}",
        b"",
        b"not JSON",
    ],
)
def test_an_error_that_says_anything_is_none(body: bytes) -> None:
    assert of(body, 400).symptom is Symptom.WRONG_STATUS


def test_a_success_without_a_word_is_none_either() -> None:
    written = expectation({"status": 204}, method="post")
    assert verdict(exchange(error("", ""), 200), written, reading([])).symptom is Symptom.WRONG_STATUS


@pytest.mark.parametrize("status", [400, 500])
def test_a_refusal_of_head_that_may_be_either_is_left_open(status: int) -> None:
    """The code is in the body, which a HEAD does not get: 22P02 comes with the status of a connection that broke."""
    answer = verdict(exchange(b"", status), HEAD, reading([]))
    assert (answer.ruling, answer.disputed) == (Ruling.UNKNOWN, True)
    assert of(b"", status).symptom is Symptom.WRONG_STATUS


@pytest.mark.parametrize("status", [403, 404, 405, 409])
def test_another_refusal_of_head_is_evidence(status: int) -> None:
    assert verdict(exchange(b"", status), HEAD, reading([])).symptom is Symptom.WRONG_STATUS


def test_an_outage_that_the_status_of_head_tells_is_one() -> None:
    answer = verdict(exchange(b"", 503), HEAD, reading([]))
    assert (answer.ruling, answer.disputed) == (Ruling.UNKNOWN, False)
