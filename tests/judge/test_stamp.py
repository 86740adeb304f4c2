"""The stamp: a right answer that was made for somebody else is no right answer."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.events import Answer, Draw
from loadcheck.judge.stamp import Asked, Stamp, in_context, nonce_of, stamp_as_asked, stamp_in, stamp_of
from loadcheck.judge.verdict import OK, Cause, Ruling, Symptom, Verdict

RUN = "0123abcd"
DIGEST, OTHER = "a" * 32, "b" * 32
DRAW = Draw(seq=7, request=1, identity=3)
ASKED = Asked(nonce_of(RUN, DRAW), DIGEST, "role_readwrite")
MINE = Stamp(pid=100, at=1_700_000_000_000_000, digest=DIGEST, nonce=ASKED.nonce, role="role_readwrite")
WRONG = Verdict(Ruling.VIOLATION, Symptom.SWAPPED, "rows", source=5)
UNKNOWN = Verdict(Ruling.UNKNOWN, reason="the data changed while the request was under way")


def nonce(seq: int, request: int, identity: int, run: str = RUN) -> str:
    return nonce_of(run, Draw(seq, request, identity))


def test_a_stamp_is_read_from_its_header() -> None:
    text = f"100 1700000000000000 {DIGEST} {ASKED.nonce} role_readwrite"
    assert stamp_of(Answer(200, {"loadcheck-stamp": text}, b"")) == MINE


def test_a_stamp_of_one_of_several_servers_tells_which() -> None:
    text = f"100@1600000000000001 1700000000000000 {DIGEST} {ASKED.nonce} role_readwrite"
    assert stamp_of(Answer(200, {"loadcheck-stamp": text}, b"")) == replace(MINE, server=1_600_000_000_000_001)


@given(st.text(max_size=80))
def test_any_other_header_is_no_stamp(text: str) -> None:
    assert stamp_of(Answer(200, {"loadcheck-stamp": text}, b"")) is None
    assert stamp_of(Answer(200, {}, b"")) is None


@pytest.mark.parametrize("verdict", [OK, WRONG, UNKNOWN])
def test_a_stamp_that_is_mine_changes_nothing_and_neither_does_none(verdict: Verdict) -> None:
    assert in_context(verdict, MINE, ASKED) == verdict
    assert in_context(verdict, None, ASKED) == verdict


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"digest": OTHER, "role": "none"}, "another identity's claims"),
        ({"digest": "-"}, "settings lost"),
        ({"nonce": "-", "digest": "-"}, "settings lost"),
        ({"role": "none"}, "role setting 'none'"),
    ],
)
def test_right_rows_in_the_wrong_context_are_a_violation(change: dict[str, str], reason: str) -> None:
    verdict = in_context(OK, replace(MINE, **change), ASKED)  # type: ignore[arg-type]
    assert (verdict.symptom, verdict.cause) == (Symptom.WRONG_CONTEXT, Cause.TRANSACTION_FRAMING)
    assert reason in verdict.reason


def test_wrong_rows_in_the_wrong_context_are_explained_by_it() -> None:
    verdict = in_context(WRONG, replace(MINE, digest="-"), ASKED)
    assert verdict == replace(WRONG, cause=Cause.TRANSACTION_FRAMING)


def test_my_nonce_with_anothers_claims_is_a_gateways_doing_as_postgrest_takes_both_from_one_request() -> None:
    verdict = in_context(OK, replace(MINE, digest=OTHER), ASKED)
    assert (verdict.symptom, verdict.cause) == (Symptom.WRONG_CONTEXT, Cause.GATEWAY)
    assert in_context(WRONG, replace(MINE, digest=OTHER), ASKED) == replace(WRONG, cause=Cause.GATEWAY)
    assert in_context(OK, replace(MINE, digest=OTHER, role="admin"), ASKED).cause is Cause.GATEWAY
    straight = in_context(OK, replace(MINE, digest=OTHER), replace(ASKED, straight=True))
    assert straight.cause is Cause.TRANSACTION_FRAMING


def test_an_answer_made_for_another_identity_is_a_gateways_doing_whatever_its_rows() -> None:
    theirs = replace(MINE, nonce=nonce(2, 1, 9), digest=OTHER)
    verdict = in_context(OK, theirs, ASKED)
    assert (verdict.symptom, verdict.cause, verdict.source) == (Symptom.WRONG_EXCHANGE, Cause.GATEWAY, 9)
    assert in_context(WRONG, theirs, ASKED) == replace(WRONG, cause=Cause.GATEWAY)
    assert in_context(replace(WRONG, source=None), theirs, ASKED).source == 9


@pytest.mark.parametrize("identity", [9, 3], ids=["another identity", "the same identity"])
def test_where_nothing_stands_before_postgrest_it_ran_in_another_transaction(identity: int) -> None:
    theirs, straight = replace(MINE, nonce=nonce(2, 1, identity), digest=OTHER), replace(ASKED, straight=True)
    verdict = in_context(OK, theirs, straight)
    assert (verdict.symptom, verdict.cause) == (Symptom.WRONG_CONTEXT, Cause.TRANSACTION_FRAMING)
    assert in_context(WRONG, theirs, straight) == replace(WRONG, cause=Cause.TRANSACTION_FRAMING)


def test_a_cache_that_gives_the_same_identity_its_own_answer_again_does_its_work() -> None:
    earlier = replace(MINE, nonce=nonce(2, 1, 3))
    assert in_context(OK, earlier, ASKED) == OK
    assert in_context(UNKNOWN, earlier, ASKED) == UNKNOWN
    assert in_context(OK, replace(MINE, nonce=nonce(-3, 1, 3)), ASKED) == OK  # as those sent before the run are counted


def test_a_gateway_that_does_not_pass_the_nonce_on_is_no_violation() -> None:
    assert in_context(OK, replace(MINE, nonce="-"), ASKED) == OK
    assert in_context(WRONG, replace(MINE, nonce="-"), ASKED) == WRONG


def test_an_answer_to_another_request_of_the_same_identity_is_the_wrong_one() -> None:
    verdict = in_context(OK, replace(MINE, nonce=nonce(2, 0, 3)), ASKED)
    assert (verdict.symptom, verdict.source) == (Symptom.WRONG_EXCHANGE, None)


def test_an_answer_of_another_run_is_the_wrong_one() -> None:
    verdict = in_context(OK, replace(MINE, nonce=nonce(7, 1, 3, run="ffffffff")), ASKED)
    assert verdict.symptom is Symptom.WRONG_EXCHANGE


def test_a_token_that_names_no_role_may_have_any() -> None:
    assert in_context(OK, replace(MINE, role="anon"), replace(ASKED, role=None)) == OK


def test_rows_that_cannot_be_judged_do_not_hide_what_the_stamp_shows() -> None:
    assert in_context(UNKNOWN, replace(MINE, digest=OTHER), ASKED).symptom is Symptom.WRONG_CONTEXT
    verdict = in_context(UNKNOWN, replace(MINE, nonce=nonce(2, 1, 9), digest=OTHER), ASKED)
    assert (verdict.symptom, verdict.cause, verdict.source) == (Symptom.WRONG_EXCHANGE, Cause.GATEWAY, 9)


HEADERS = st.one_of(
    st.builds(
        "{} {} {} {} {}".format,
        st.sampled_from(["7", "7@9", "7@", "@9", "12345678901", "٣", "7 8"]),
        st.sampled_from(["1", "9" * 18, "9" * 19, "²", "1 2", ""]),
        st.sampled_from([DIGEST, "-", "f" * 32]),
        st.sampled_from([ASKED.nonce, "-", "other"]),
        st.sampled_from(["role_readwrite", "None", "none", "a role_readwrite"]),
    ),
    st.text(max_size=80),
)


@given(HEADERS, st.sampled_from([DIGEST, "-"]), st.sampled_from(["role_readwrite", "a role_readwrite", None]))
def test_a_stamp_as_asked_is_the_one_that_the_parser_reads(header: str, digest: str, role: str | None) -> None:
    asked = replace(ASKED, digest=digest, role=role)
    found, read = stamp_as_asked(header, asked), stamp_in(header)
    if found is not None:
        assert found == read
        assert in_context(OK, found, asked) is OK


def test_most_stamps_need_no_parser() -> None:
    text = f"4711@1600000000000001 1700000000000001 {DIGEST} {ASKED.nonce} role_readwrite"
    started = 1_600_000_000_000_001
    assert stamp_as_asked(text, ASKED) == replace(MINE, pid=4711, at=1_700_000_000_000_001, server=started)
    assert stamp_as_asked(text.replace(DIGEST, "0" * 32), ASKED) is None
    assert stamp_as_asked(text.replace(ASKED.nonce, "-"), ASKED) is None
    assert stamp_as_asked(text + "x", ASKED) is None
