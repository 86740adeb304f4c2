"""One transaction, two answers: kept and given out again, or two requests in one transaction."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.events import Draw
from loadcheck.judge.stamp import Asked, Earlier, Stamp, in_context
from loadcheck.judge.transactions import Transactions
from loadcheck.judge.verdict import OK, Cause, Ruling, Symptom, Verdict

AT = 1_700_000_000_000_001
MINE, THEIRS = Draw(7, 0, 3), Draw(2, 0, 9)
MY_DIGEST, THEIR_DIGEST = "a" * 32, "b" * 32
ASKED = Asked("mine", MY_DIGEST, "role_readwrite")
STAMP = Stamp(pid=100, at=AT, digest=MY_DIGEST, nonce="mine", role="role_readwrite", server=5)
WRONG = Verdict(Ruling.VIOLATION, Symptom.SWAPPED, "rows")


def after(earlier: Stamp, stamp: Stamp, between: int = 0) -> Earlier | None:
    transactions = Transactions()
    assert transactions.earlier(earlier, THEIRS) is None
    for n in range(between):
        assert transactions.earlier(replace(earlier, at=AT + 1 + 7 * n), Draw(1000 + n, 0, 1)) is None
    return transactions.earlier(stamp, MINE)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 999)), unique=True))
def test_transactions_that_differ_in_server_backend_or_time_are_new(keys: list[tuple[int, int, int]]) -> None:
    transactions = Transactions()
    for seq, (server, pid, at) in enumerate(keys):
        assert transactions.earlier(replace(STAMP, server=server, pid=pid, at=at), Draw(seq, 0, 0)) is None


def test_a_kept_answer_without_a_nonce_is_told_by_its_transaction() -> None:
    theirs = replace(STAMP, nonce="-", digest=THEIR_DIGEST)
    earlier = after(theirs, theirs, between=500)
    verdict = in_context(OK, theirs, ASKED, earlier)
    assert (verdict.symptom, verdict.cause, verdict.source) == (Symptom.WRONG_EXCHANGE, Cause.GATEWAY, 9)
    assert in_context(WRONG, theirs, ASKED, earlier) == replace(WRONG, cause=Cause.GATEWAY, source=9)


def test_a_kept_answer_that_is_right_for_both_is_a_cache_that_does_its_work() -> None:
    kept = replace(STAMP, nonce="-")
    assert in_context(OK, kept, ASKED, after(kept, kept)) == OK


def test_settings_lost_twice_are_no_kept_answer() -> None:
    lost = replace(STAMP, nonce="-", digest="-", role="none")
    assert in_context(OK, lost, ASKED, after(lost, lost)).cause is Cause.TRANSACTION_FRAMING


def test_two_requests_in_one_transaction_are_told_though_everything_else_is_right() -> None:
    earlier = after(replace(STAMP, nonce="theirs", digest=THEIR_DIGEST), STAMP)
    verdict = in_context(OK, STAMP, ASKED, earlier)
    assert (verdict.symptom, verdict.cause) == (Symptom.WRONG_CONTEXT, Cause.TRANSACTION_FRAMING)
    assert "inside the transaction of another exchange" in verdict.reason
    assert in_context(WRONG, STAMP, ASKED, earlier) == replace(WRONG, cause=Cause.TRANSACTION_FRAMING)


def test_my_answer_that_was_also_given_to_another_stays_right_for_me() -> None:
    assert in_context(OK, STAMP, ASKED, after(STAMP, STAMP)) == OK


def test_a_clock_that_was_set_back_is_no_transaction_seen_before() -> None:
    assert in_context(OK, STAMP, ASKED, after(replace(STAMP, nonce="theirs"), STAMP, between=20)) == OK


def test_a_clock_that_ticks_in_milliseconds_tells_nothing() -> None:
    coarse = replace(STAMP, at=AT - 1)
    assert after(replace(coarse, nonce="theirs"), coarse) is None


def test_its_memory_does_not_grow_with_the_run() -> None:
    transactions = Transactions()
    for seq in range(12_000):
        transactions.earlier(replace(STAMP, at=AT + 7 * seq), Draw(seq, 0, 0))
    assert len(transactions._answered) == 10_000
