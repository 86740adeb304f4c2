import pickle
import tracemalloc

import pytest

from loadcheck.engine.events import Lost, Missed, PhaseEnded, PhaseStarted
from loadcheck.engine.randomness import source
from loadcheck.judge.verdict import OK, Ruling, Verdict
from loadcheck.record.counts import Members, Recent, Texts
from loadcheck.record.tally import Tally
from tests.record.samples import FOREIGN, SCENARIO, TIMED_OUT, exchange, population, tally

WARM_UP, STEADY = 0, 1


def begun(phase: int = STEADY) -> Tally:
    counted = Tally(SCENARIO, population())
    counted.phase_started(PhaseStarted(phase, SCENARIO.load[phase], 3.0))
    return counted


def test_sent_is_the_sum_of_the_verdicts_in_every_part() -> None:
    counted = tally()
    counted.check()
    parts = [
        counted.measured.counts,
        counted.warm_up,
        *(phase.timed.counts for phase in counted.phases),
        *(request.counts for request in counted.requests),
        *counted.mixes,
    ]
    for counts in parts:
        assert counts.sent == counts.ok + counts.violation + counts.unknown
    assert counted.measured.counts.sent == 6000
    assert sum(counted.statuses.most_common().values()) == 6000


def test_a_warm_up_is_judged_but_not_measured() -> None:
    counted = begun(WARM_UP)
    counted.add(exchange(phase=WARM_UP), OK)
    counted.add(exchange(phase=WARM_UP), FOREIGN)
    assert counted.violations == 1
    assert counted.warm_up.sent == 2
    assert counted.measured.counts.sent == 0
    assert counted.measured.latency.count == 0
    assert counted.throughput is None
    assert counted.error_rate is None
    assert counted.identities.count == 0
    assert not counted.statuses.most_common()
    assert counted.phases[WARM_UP].timed.latency.count == 2


def test_latency_runs_from_the_intended_start_and_service_from_the_sending() -> None:
    counted = begun()
    counted.add(exchange(at=4.0, took=0.1), OK)
    assert counted.measured.latency.longest == pytest.approx(0.101)
    assert counted.measured.service.longest == pytest.approx(0.1)
    assert counted.requests[0].latency.count == counted.phases[STEADY].timed.latency.count == 1


def test_a_time_out_counts_as_slow_and_a_refused_connection_not_as_fast() -> None:
    counted = begun()
    counted.add(exchange(lost=Lost.TIMEOUT, took=10.0, at=14.0), TIMED_OUT)
    counted.add(exchange(lost=Lost.CONNECT, took=0.0001), TIMED_OUT)
    assert counted.measured.latency.count == 1
    assert counted.measured.latency.shortest > 10
    assert counted.measured.answered == 0


def test_statuses_and_reasons_are_counted_as_text() -> None:
    counted = begun()
    counted.add(exchange(), OK)
    counted.add(exchange(status=401), OK)
    counted.add(exchange(lost=Lost.TIMEOUT), TIMED_OUT)
    counted.add(exchange(lost=Lost.DISCONNECTED), Verdict(Ruling.UNKNOWN))
    assert counted.statuses.most_common() == {"200": 1, "401": 1, Lost.TIMEOUT: 1, Lost.DISCONNECTED: 1}
    assert counted.unknowns.most_common() == {TIMED_OUT.reason: 1, Lost.DISCONNECTED: 1}


def test_an_identity_counts_as_checked_once_and_only_when_judged() -> None:
    counted = begun()
    counted.add(exchange(identity=7), OK)
    counted.add(exchange(identity=7), FOREIGN)
    counted.add(exchange(identity=9, lost=Lost.TIMEOUT), TIMED_OUT)
    assert counted.identities.count == 1
    assert 7 in counted.identities
    assert 9 not in counted.identities


def test_throughput_counts_answers_over_the_measured_phases_alone() -> None:
    counted = begun()
    for seq in range(100):
        counted.add(exchange(seq, at=3.0 + seq / 10), OK)
    counted.phase_ended(PhaseEnded(STEADY, SCENARIO.load[STEADY], 13.0))
    assert counted.seconds == 10.0
    assert counted.throughput == 10.0
    assert counted.error_rate == 0.0


def test_what_was_given_up_on_purpose_is_unknown_and_no_error() -> None:
    counted = begun()
    counted.add(exchange(at=4.0), OK)
    counted.add(exchange(at=4.0, lost=Lost.TIMEOUT), TIMED_OUT)
    for _ in range(2):
        counted.add(exchange(at=4.0, lost=Lost.GIVEN_UP), Verdict(Ruling.UNKNOWN, reason="given up on purpose"))
    assert (counted.measured.counts.unknown, counted.unexcused.unknown) == (3, 1)
    assert counted.error_rate == 0.5


def test_missed_arrivals_belong_to_their_phase() -> None:
    counted = begun()
    counted.missed(Missed(2, 40.0))
    counted.missed(Missed(WARM_UP, 1.0))
    assert counted.phases[2].missed == 1
    assert counted.missed_arrivals == 1


def test_a_tally_that_does_not_add_up_says_so() -> None:
    counted = begun()
    counted.add(exchange(), OK)
    counted.phases[STEADY].latency[0].add(1.0)
    with pytest.raises(AssertionError, match="does not add up"):
        counted.phase_ended(PhaseEnded(STEADY, SCENARIO.load[STEADY], 13.0))


def test_memory_does_not_grow_with_the_length_of_the_run() -> None:
    counted = begun()
    for seq in range(5_000):
        counted.add(exchange(seq, at=3.0 + seq, status=200 + seq % 300), Verdict(Ruling.UNKNOWN, reason=str(seq)))
    tracemalloc.start()
    try:
        for seq in range(20_000):
            counted.add(exchange(seq, at=5003.0 + seq), Verdict(Ruling.UNKNOWN, reason=f"other {seq}"))
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 100_000
    assert len(counted.unknowns.most_common()) <= 101


def test_texts_beyond_the_hundredth_kind_are_lumped_together() -> None:
    texts = Texts()
    for number in range(150):
        texts.add(f"kind {number}")
    texts.add("kind 3")
    assert texts.total == 151
    assert list(texts.most_common().items())[:2] == [("other", 50), ("kind 3", 2)]


def test_members_are_counted_once_each() -> None:
    members = Members(20)
    for member in (0, 7, 8, 19, 19, 0):
        members.add(member)
    assert members.count == 4
    assert [n for n in range(20) if n in members] == [0, 7, 8, 19]


def test_the_recent_rate_forgets_what_is_long_past() -> None:
    recent = Recent()
    for at in range(1000):
        for _ in range(5):
            recent.add(at + 0.5)
    assert recent.rate(1000.2) == 5.0
    assert recent.rate(1000.2, over=10_000) == 5.0
    assert recent.rate(2000.0) == 0.0
    assert Recent().rate(0.5) == 0.0


def test_a_late_event_of_a_second_long_past_does_not_disturb_the_present_one() -> None:
    recent = Recent()
    recent.add(100.5)
    recent.add(36.5)
    assert recent.rate(101.0, over=1) == 1.0


def test_tallies_of_parts_put_together_are_the_tally_of_the_whole() -> None:
    people, chance = population(), source(3, "verdicts")
    whole, parts = Tally(SCENARIO, people), [Tally(SCENARIO, people) for _ in range(3)]
    for at in (whole, *parts):
        at.phase_started(PhaseStarted(STEADY, SCENARIO.load[STEADY], 3.0))
    for seq in range(600):
        took = chance.expovariate(20)
        one = exchange(seq=seq, identity=seq % len(people), phase=STEADY, at=3 + seq / 20, took=took)
        verdict = chance.choice([OK, OK, FOREIGN, Verdict(Ruling.UNKNOWN, reason=f"reason {seq % 7}")])
        for tally_of in (whole, chance.choice(parts)):
            tally_of.add(one, verdict)
    together = Tally(SCENARIO, people)
    for _ in range(2):  # anew each time
        together.put_together(pickle.loads(pickle.dumps(part)) for part in parts)  # noqa: S301 -- our own
    together.check(600)
    assert together.phases[STEADY].ended is None
    assert together.measured.counts == whole.measured.counts
    assert together.mixes == whole.mixes
    assert together.identities.count == whole.identities.count
    assert together.unexcused == whole.unexcused
    assert together.statuses.most_common() == whole.statuses.most_common()
    assert together.unknowns.most_common() == whole.unknowns.most_common()
    assert together.recent.rate(30.0, over=20) == whole.recent.rate(30.0, over=20)
    assert together.seconds == whole.seconds
    for percent in (0, 50, 99, 100):
        assert together.measured.latency.percentile(percent) == whole.measured.latency.percentile(percent)


def test_a_phase_goes_on_until_every_part_has_ended_it() -> None:
    parts = [begun(), begun(), Tally(SCENARIO, population())]
    together = Tally(SCENARIO, population())
    parts[0].phase_ended(PhaseEnded(STEADY, SCENARIO.load[STEADY], 5.0))
    together.put_together(parts)
    assert together.phases[STEADY].ended is None
    parts[1].phase_ended(PhaseEnded(STEADY, SCENARIO.load[STEADY], 4.0))
    together.put_together(parts)
    assert (together.phases[STEADY].started, together.phases[STEADY].ended) == (3.0, 5.0)
    assert together.current == STEADY
