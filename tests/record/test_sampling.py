from itertools import count
from pathlib import Path

from loadcheck.judge.grounds import NO_GROUNDS
from loadcheck.judge.verdict import OK
from loadcheck.oracle.expectation import Expectations
from loadcheck.record.folder import RunFolder
from loadcheck.record.history import History
from loadcheck.record.sampling import Sampling
from loadcheck.record.stored_history import read_history
from tests.record.samples import BEGUN, FOREIGN, SCENARIO, exchange, population

LABELS = [f"keeper#{n}" for n in range(10_000)]


def test_half_as_many_are_kept_each_time_half_of_the_room_left_is_used() -> None:
    sampling = Sampling(1000)
    shares = {size: (sampling.grown(size), sampling.share)[1] for size in (499, 501, 751, 876, 1000)}
    assert shares == {499: 1.0, 501: 0.5, 751: 0.25, 876: 0.125, 1000: 0.0}


def test_those_that_a_smaller_share_keeps_were_always_kept() -> None:
    sampling, kept = Sampling(1000), set(LABELS)
    for size in (501, 751, 876):
        sampling.grown(size)
        fewer = {label for label in LABELS if sampling.keeps(label)}
        assert fewer < kept
        assert abs(len(fewer) - sampling.share * len(LABELS)) < len(LABELS) * 0.02
        kept = fewer


def test_near_the_limit_whole_identities_are_kept_and_every_violation(tmp_path: Path) -> None:
    small = SCENARIO.model_copy(update={"history_limit": 40_000})
    people = population()
    with History(RunFolder(tmp_path), small, people, Expectations(small), BEGUN) as history:
        near, seqs = 0, count()
        while near < 10_000:  # it is the thread that writes which knows how much there is
            seq = next(seqs)
            verdict = FOREIGN if seq % 1000 == 7 else OK
            history.add(exchange(seq, identity=seq % 500, body=str(seq).encode() * 9), verdict, NO_GROUNDS)
            near += history.kept["share"] < 1
        added = next(seqs)
    lines = list(read_history(RunFolder(tmp_path).history))
    kept = history.kept
    assert kept["lines"] == len(lines) < added
    assert kept["lines"] + kept["left_out"] == added
    assert [line["seq"] for line in lines if line["verdict"] == "violation"] == list(range(7, added, 1000))
    whole = Sampling(40_000)
    whole.share = kept["share"]
    always = {person.index for person in people[:500] if whole.keeps(person.label)}
    expected = [seq for seq in range(added) if seq % 500 in always]
    assert [line["seq"] for line in lines if whole.keeps(line["identity"])] == expected
