"""The page: complete, inert whatever the rows hold, without secrets, and small for the longest run."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from bokeh.models import Line, Range1d, Scatter
from bokeh.models.renderers import GlyphRenderer
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.cli.app import cli
from loadcheck.errors import UsageProblem
from loadcheck.record.chunk_file import ChunkFile
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.formats import html as html_format
from loadcheck.report.html.bands import Bands
from loadcheck.report.html.charts import charts
from loadcheck.report.html.lanes import NOT_TOLD, lanes_of
from loadcheck.report.html.page import page
from loadcheck.report.html.thinning import merged, thinned
from tests.record.samples import SECRET, TOKEN
from tests.report.test_formats import hostile, stored, two

MB = 1_000_000
IMAGE = "</script><img src=x onerror=alert(1)>"
VALUES = st.none() | st.floats(0, 1e6)


def lasting_a_day(run: StoredRun) -> StoredRun:
    (sample,) = run.series
    statuses = {str(status): status for status in range(200, 209)}
    fault = ["terminate-backends"]
    series: list[Any] = [
        {**sample, "at_s": float(at), "sent": at % 977, "statuses": statuses, "faults": fault * (at % 10 == 0)}
        for at in range(1, 86_401)
    ]
    return replace(run, series=series)


def line(seq: int, at: float, who: str, pid: int | None, took: float = 0.001) -> dict[str, Any]:
    stamp = {} if pid is None else {"headers": {"loadcheck-stamp": f"{pid}@17 {round(at * 1e6)} - - -"}}
    return {"seq": seq, "t": at, "service_ms": took * 1000, "request": "list", "identity": who, **stamp}


def test_the_page_begins_with_the_verdict_and_has_every_section() -> None:
    text = page(stored(two()))
    assert text.index('class="verdict fail"') < text.index('id="findings"')
    sections = re.findall(r'<section id="([\w-]+)"', text)
    assert sections == [
        "verdict",
        "findings",
        "charts-section",
        "coverage",
        "requests",
        "thresholds",
        "configuration",
    ]
    assert "keeper#3 asked for list and got rows of keeper#17" in text
    assert "✘ not held" in text


def test_foreign_rows_are_marked_and_own_ones_are_not() -> None:
    text = page(stored(two()))
    assert re.search(r'<li class="marked"><b>✘ not its own</b> [^<]*tenant-17', text)
    assert re.search(r"<li>[^<]*tenant-3", text)


@pytest.mark.parametrize("text", [IMAGE + TOKEN + "\u202egnp.exe", "]]><!--<script>alert(1)</script>", "N" * 2_000_000])
def test_whatever_rows_hold_the_page_stays_inert_and_small(text: str) -> None:
    run = hostile(text)
    run.summary["phases"][0]["name"] = text
    made = page(run)
    assert len(made) < 5 * MB
    assert "<img" not in made
    assert made.count("<script") == made.count("</script") == 4
    assert "\u202e" not in made
    assert TOKEN not in made
    assert SECRET not in made


def test_only_the_scripts_of_the_page_may_run() -> None:
    text = page(stored(two()))
    policy = re.search(r"script-src ([^;]*);", text)
    assert policy is not None
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digests = [f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts]
    assert policy[1].split() == digests
    assert "default-src 'none'" in text


def test_a_run_of_a_day_is_thinned_out() -> None:
    run = lasting_a_day(stored(two()))
    run.series[50_000]["latency_ms"] = {**run.series[50_000]["latency_ms"], "max": 98_765.43}
    text = page(run)
    assert len(text) < 5 * MB
    assert "98765.43" in text


def test_violations_stand_where_they_were_and_not_in_the_second_that_counts_them(tmp_path: Path) -> None:
    run = stored(two())
    (sample,) = run.series
    series: list[Any] = [{**sample, "at_s": float(at), "seconds": 1.0, "violation": at > 1} for at in (1, 2, 3)]
    run.findings[0]["first_s"], run.findings[1]["first_s"] = 0.25, 2.25
    history = ChunkFile(tmp_path / "history.ndjson.gz")
    for at, verdict in ((0.25, "violation"), (0.5, "ok"), (0.875, "violation"), (0.876, "violation")):
        history.add(orjson.dumps({**line(0, at, "keeper#3", 7, took=0.0), "verdict": verdict}) + b"\n")
    history.close()
    bands = Bands.of(replace(run, folder=tmp_path, series=series))
    assert bands.violations == [(0.25, 0.25), (0.875, 0.876), (2.25, 2.25)]
    renderers: Any = bands.strip(Range1d(start=0, end=3)).select({"type": GlyphRenderer})
    (pins,) = [each for each in renderers if isinstance(each.glyph, Scatter)]
    assert pins.data_source.data["x"] == [0.25, 2.25]


def test_what_a_second_counts_is_drawn_at_its_middle_and_what_it_ends_with_at_its_end() -> None:
    run = stored(two())
    (sample,) = run.series
    series: list[Any] = [{**sample, "at_s": float(at), "seconds": 1.0, "in_flight": at} for at in (1, 2)]
    drawn = charts(series, Bands.of(run))
    assert drawn is not None
    renderers: Any = drawn.select({"type": GlyphRenderer})
    lines = [each for each in renderers if isinstance(each.glyph, Line)]
    at = {line.name: line.data_source.data["x"] for line in lines}
    assert at["done"] == at["p99"] == at["missed"] == [0.5, 1.5]
    assert at["in flight"] == at["backends"] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("nothing", "title"),
    [
        ({"statuses": {}}, "answers a second, by status"),  # as a warm-up has them, in which Ctrl-C was pressed
        ({"latency_ms": dict.fromkeys(("p50", "p90", "p99", "max"))}, "latency, ms (logarithmic)"),
    ],
)
def test_a_chart_of_what_was_never_measured_is_left_out(nothing: dict[str, Any], title: str) -> None:
    run = stored(two())
    (sample,) = run.series
    series: list[Any] = [{**sample, **nothing}]
    whole, less = page(run), page(replace(run, series=series))
    assert title in whole
    assert title not in less


def test_a_run_of_an_older_version_without_a_series_has_a_page_too() -> None:
    assert "no series.ndjson" in page(replace(stored(two()), series=[]))


@given(st.lists(VALUES, max_size=300), st.integers(1, 40))
def test_thinning_keeps_order_gaps_and_extremes(values: list[float | None], stretches: int) -> None:
    points = [(float(at), value) for at, value in enumerate(values)]
    kept = thinned(points, stretches)
    known = [value for value in values if value is not None]
    assert len(kept) <= 2 * stretches
    assert kept == sorted(set(kept) & set(points), key=lambda point: point[0])
    if known:
        shown = [value for _, value in kept if value is not None]
        assert (min(shown), max(shown)) == (min(known), max(known))


def test_stretches_that_nearly_touch_are_one() -> None:
    assert list(merged([(0, 1), (1.5, 2), (1.6, 1.7), (4, 5)], 1)) == [(0, 2), (4, 5)]


def test_lanes_show_poison_and_victim_on_their_backend_whatever_the_order_of_the_history() -> None:
    first, _ = stored(two()).findings
    lines = [
        line(1, 1.0, "keeper#17", 7),
        line(2, 1.5, "keeper#9", 8, took=0.6),
        line(3, 1.6, "keeper#17", 8),
        line(5, 3.0, "keeper#17", 7),
        line(first["seq"], 2.0, "keeper#3", 7),
    ]
    found = lanes_of([first], lambda: iter(lines))[first["id"]]
    told = [(stay.backend, stay.who, stay.part) for stay in found]
    assert told == [
        ("7", "keeper#17", "poison"),
        ("8", "keeper#9", "other"),
        ("8", "keeper#17", "other"),
        ("7", "keeper#3", "victim"),
    ]


def test_an_answer_without_a_stamp_has_a_lane_without_a_backend() -> None:
    first, second = stored(two()).findings
    lines = [line(1, 1.0, "keeper#17", None), line(first["seq"], 2.0, "keeper#3", None)]
    found = lanes_of([first, second], lambda: iter(lines))
    assert list(found) == [first["id"]]
    assert [(stay.backend, stay.part) for stay in found[first["id"]]] == [(NOT_TOLD, "other"), (NOT_TOLD, "victim")]


def test_without_bokeh_the_command_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(html_format, "find_spec", lambda _: None)
    arguments = ["report", str(tmp_path), "--html", str(tmp_path / "run.html")]
    with pytest.raises(UsageProblem, match="--html needs bokeh and jinja2") as caught:
        cli(arguments, standalone_mode=False)
    assert (caught.value.exit_code, "pip install 'loadcheck[html]'" in caught.value.advice) == (4, True)
