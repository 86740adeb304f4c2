"""Every second of a run is in its series, once."""

from functools import partial
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.events import Lost, PhaseStarted
from loadcheck.judge.judge import unknown
from loadcheck.judge.verdict import OK
from loadcheck.record.generator import Generator
from loadcheck.record.sampler import Sampler
from loadcheck.record.series import Sample, SeriesFile, read_series
from loadcheck.record.span import Span
from loadcheck.record.tally import Tally
from tests.record.samples import SCENARIO, exchange, population


def sampled(seconds: list[list[tuple[int, bool]]]) -> tuple[Tally, list[Sample]]:
    tally = Tally(SCENARIO, population())
    sampler = Sampler(tally, partial(Span, ()), Generator())
    samples = []
    for at, second in enumerate(seconds, 1):
        for phase, lost in second:
            one = exchange(phase=phase, at=at, lost=Lost.TIMEOUT if lost else None)
            tally.add(one, unknown("lost") if lost else OK)
        samples.append(sampler.sample(float(at), in_flight=at))
    return tally, samples


@given(st.lists(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=20), max_size=8))
def test_the_samples_add_up_to_the_tally(seconds: list[list[tuple[int, bool]]]) -> None:
    tally, samples = sampled(seconds)
    counts = [phase.timed.counts for phase in tally.phases]
    assert sum(sample["sent"] for sample in samples) == sum(each.sent for each in counts)
    assert sum(sample["ok"] for sample in samples) == sum(each.ok for each in counts)
    assert sum(sample["unknown"] for sample in samples) == sum(each.unknown for each in counts)
    assert sum(sum(sample["statuses"].values()) for sample in samples) == tally.statuses.total
    assert [sample["sent"] for sample in samples] == [len(second) for second in seconds]
    assert [sample["in_flight"] for sample in samples] == list(range(1, len(seconds) + 1))
    assert all((sample["latency_ms"]["p50"] is None) == (sample["sent"] == 0) for sample in samples)


def test_a_ramp_asks_for_more_and_more() -> None:
    tally = Tally(SCENARIO, population())
    sampler = Sampler(tally, partial(Span, ()), Generator())
    assert sampler.sample(1.0, 0)["phase"] is None
    tally.phase_started(PhaseStarted(2, SCENARIO.load[2], 10.0))
    targets = [sampler.sample(at, 0)["target_rps"] for at in (10.0, 25.0, 40.0, 41.0)]
    assert targets == [400.0, 600.0, 800.0, 800.0]


def test_a_file_reads_back_up_to_where_it_was_cut(tmp_path: Path) -> None:
    _, samples = sampled([[(1, False)], [(1, True)]])
    path = tmp_path / "series.ndjson"
    assert list(read_series(path)) == []
    with SeriesFile(path) as series:
        for sample in samples:
            series.add(sample)
    assert list(read_series(path)) == samples
    path.write_bytes(path.read_bytes()[:-20])
    assert list(read_series(path)) == samples[:1]
