import pytest

from loadcheck.report import figures


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0, "0.00 ms"), (0.42, "0.42 ms"), (12.34, "12.3 ms"), (250.0, "250.0 ms"), (1250, "1.25 s")],
)
def test_milliseconds(value: float | None, shown: str) -> None:
    assert figures.milliseconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 s"), (3.2, "3.2 s"), (3.251, "3.25 s"), (30.0, "30 s"), (59.9, "1 min 00 s"), (3725, "62 min 05 s")],
)
def test_seconds(value: float, shown: str) -> None:
    assert figures.seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0.25, "0.25/s"), (99.8, "99.8/s"), (400.0, "400/s"), (12345.6, "12,345.6/s")],
)
def test_rates(value: float | None, shown: str) -> None:
    assert figures.rate(value) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("p99", 0.25, "250 ms"),
        ("max", None, "-"),
        ("p50", 1.5, "1.5 s"),
        ("error_rate", 0.001, "0.1 %"),
        ("throughput", 200.0, "200/s"),
        ("checked", 5000, "5,000"),
    ],
)
def test_thresholds_have_the_unit_of_the_scenario(name: str, value: float | None, shown: str) -> None:
    assert figures.threshold(name, value) == shown


def test_words_for_counts() -> None:
    assert [figures.times(n) for n in (1, 2, 1234)] == ["once", "twice", "1,234 times"]
    assert figures.plural(1, "identity", "identities") == "1 identity"
    assert figures.plural(0, "victim") == "0 victims"
