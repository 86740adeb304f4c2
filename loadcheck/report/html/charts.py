"""The charts of a run, on one shared time axis."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bokeh.layouts import gridplot
from bokeh.models import (
    ColumnDataSource,
    CrosshairTool,
    DataRange1d,
    FixedTicker,
    HoverTool,
    LayoutDOM,
    LinearAxis,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.models.annotations import Span

from loadcheck.record.series import Sample
from loadcheck.report.html.bands import Bands
from loadcheck.report.html.figures import (
    COLOURS,
    DASHES,
    ON_BLACK,
    RED,
    Figure,
    chart_text,
    empty_figure,
    is_long,
    long_times,
    told_at,
)
from loadcheck.report.html.thinning import Point, thinned
from loadcheck.report.text import cut

AXIS: Final = "time"
"""The name of the model by which the page's script zooms."""

_HEIGHT: Final = 190
_FEW: Final = 90  # samples up to which each is marked
_HEADROOM: Final = 0.35  # of the values' range, for the legend
_STATUSES: Final = 7
_IN_A_ROW: Final = 4  # lines of a legend
_LEGEND: Final = 20  # cells
_FEW_DECADES: Final = 2
_BUSY: Final = 85.0  # per cent of one core
_MARKERS: Final = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex", "star", "plus")

_Value = Callable[[Sample], float | None]
_Line = Any
"""Bokeh's renderer of a line, of which its stubs know little."""


@dataclass(frozen=True, slots=True)
class _Chart:
    """One chart.

    Attributes:
        title: What it shows, with its unit.
        lines: What each line is called, and what it draws of a sample.
        right: The lines whose axis is on the right.
        ends: The lines that tell how it was at a sample's end; the others tell of all of its time, and are drawn at the
            middle of that.
        log: Whether its axis is logarithmic.
    """

    title: str
    lines: dict[str, _Value]
    right: frozenset[str] = frozenset()
    ends: frozenset[str] = frozenset()
    log: bool = False

    def has_any_of(self, series: Sequence[Sample]) -> bool:
        """Whether anything was measured of what it shows."""
        return any(value(sample) is not None for value in self.lines.values() for sample in series)


def charts(series: Sequence[Sample], bands: Bands) -> LayoutDOM | None:
    """Return all charts of a run, None of one without a series."""
    if not series:
        return None
    axis = Range1d(start=0, end=bands.end, name=AXIS, bounds=(0, bands.end))
    drawn: list[Figure] = [
        bands.strip(axis),
        *(_drawn(chart, series, axis, bands) for chart in _charts(series) if chart.has_any_of(series)),
    ]
    drawn[-1].xaxis.axis_label = f"{'hours:minutes:seconds' if is_long(bands.end) else 'seconds'} after the run's start"
    here = Span(dimension="height", line_color="#888888", line_dash="dotted")
    for one in drawn:
        one.add_tools(CrosshairTool(overlay=here))
    return gridplot([[one] for one in drawn], toolbar_location=None, sizing_mode="stretch_width")


def _charts(series: Sequence[Sample]) -> list[_Chart]:
    return [
        _Chart(
            "exchanges a second",
            {"done": _each("sent"), "target": lambda sample: sample["target_rps"]},
            ends=frozenset({"target"}),
        ),
        _Chart("latency, ms (logarithmic)", {name: _latency(name) for name in ("p50", "p90", "p99", "max")}, log=True),
        _Chart("answers a second, by status", _statuses(series)),
        _Chart(
            "in flight, and missed a second",
            {"in flight": lambda sample: float(sample["in_flight"]), "missed": _each("missed")},
            ends=frozenset({"in flight"}),
        ),
        _Chart(
            "handoffs a second; backends",
            {"handoffs": _each("handoffs"), "backends": lambda sample: float(sample["backends"])},
            right=frozenset({"backends"}),
            ends=frozenset({"backends"}),
        ),
        _Chart("loadcheck's processor time, % of a core", {"used": _used, "waited for": _waited}),
    ]


def _each(name: str) -> _Value:
    return lambda sample: _a_second(sample, sample[name])  # type: ignore[literal-required]


def _latency(name: str) -> _Value:
    return lambda sample: sample["latency_ms"].get(name)


def _used(sample: Sample) -> float:
    return 100 * _a_second(sample, sample["cpu_s"])


def _waited(sample: Sample) -> float | None:
    waited = sample.get("waited_s")
    return None if waited is None else 100 * _a_second(sample, waited)


def _a_second(sample: Sample, amount: float) -> float:
    return amount / sample["seconds"] if sample["seconds"] else 0.0


def _statuses(series: Sequence[Sample]) -> dict[str, _Value]:
    total: Counter[str] = Counter()
    for sample in series:
        total.update(sample["statuses"])
    common = [status for status, _ in total.most_common(_STATUSES)]

    def of(status: str) -> _Value:
        return lambda sample: _a_second(sample, sample["statuses"].get(status, 0))

    def others(sample: Sample) -> float:
        return _a_second(sample, sum(count for status, count in sample["statuses"].items() if status not in common))

    return {status: of(status) for status in common} | ({"others": others} if len(total) > len(common) else {})


def _drawn(chart: _Chart, series: Sequence[Sample], axis: Range1d, bands: Bands) -> Figure:
    drawn = empty_figure(axis, _HEIGHT, title=chart.title, y_axis_type="log" if chart.log else "linear")
    bands.behind(drawn)
    if chart.right:
        drawn.extra_y_ranges = {"right": DataRange1d(start=0, range_padding=_HEADROOM)}
        drawn.add_layout(LinearAxis(y_range_name="right", minor_tick_line_color=None), "right")
    lines = dict(_lines(drawn, chart, series))
    left = [line for name, line in lines.items() if name not in chart.right]
    drawn.y_range.renderers = left
    if chart.right:
        drawn.extra_y_ranges["right"].renderers = [lines[name] for name in chart.right]
    if chart.log:
        drawn.yaxis[0].formatter = NumeralTickFormatter(format="0,0.[00]")
        drawn.yaxis[0].ticker = FixedTicker(ticks=_decades(lines.values()))
        drawn.y_range.range_padding = 2 * _HEADROOM  # of which half lies below
    else:
        drawn.y_range.update(start=0, range_padding=_HEADROOM)
    if "core" in chart.title:
        drawn.add_layout(Span(location=_BUSY, dimension="width", line_color=RED, line_dash="dashed"))
    long_times(drawn, bands.end)
    _legend(drawn, len(lines))
    drawn.add_tools(
        HoverTool(
            tooltips=[("", "$name"), ("", "@y{0,0.[00]}"), ("at", told_at("x", bands.end))], renderers=[*lines.values()]
        )
    )
    return drawn


def _decades(lines: Iterable[_Line]) -> list[float]:
    """Return where a logarithmic axis is labelled: at each power of ten, and between where there are few of them."""
    values = [value for line in lines for value in line.data_source.data["y"] if value > 0]
    if not values:
        return []
    least, most = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    between = (1, 2, 5) if most - least <= _FEW_DECADES else (1,)
    return [factor * 10.0**power for power in range(least, most + 1) for factor in between]


def _lines(drawn: Figure, chart: _Chart, series: Sequence[Sample]) -> Iterator[tuple[str, _Line]]:
    """Draw each line of which anything was measured."""
    for number, (name, value) in enumerate(chart.lines.items()):
        lag = 0.0 if name in chart.ends else 0.5
        points = [(sample["at_s"] - lag * sample["seconds"], value(sample)) for sample in series]
        if any(one is not None for _, one in points):
            yield name, _line(drawn, number, name, points, right=name in chart.right)


def _line(drawn: Figure, number: int, name: str, points: Sequence[Point], *, right: bool) -> _Line:
    shown = thinned(points)
    source = ColumnDataSource(
        {
            "x": [round(at, 2) for at, _ in shown],
            "y": [float("nan") if value is None else round(value, 2) for _, value in shown],
        }
    )
    look = {
        "color": COLOURS[number],
        "legend_label": chart_text(cut(name, _LEGEND)),
        "name": chart_text(name),
        "source": source,
        "tags": [COLOURS[number], ON_BLACK[number]],
    }
    look |= {"y_range_name": "right"} if right else {}
    if len(points) <= _FEW:
        drawn.scatter("x", "y", marker=_MARKERS[number], size=5, **look)
    return drawn.line("x", "y", line_width=1.6, line_dash=DASHES[number], **look)


def _legend(drawn: Figure, lines: int) -> None:
    legend = drawn.legend[0]
    legend.update(
        location="top_left",
        orientation="horizontal" if lines <= _IN_A_ROW else "vertical",
        ncols=_IN_A_ROW,
        click_policy="hide",
        padding=2,
        margin=2,
        spacing=4,
        label_text_font_size="11px",
        label_height=14,
        glyph_height=14,
        glyph_width=14,
        border_line_color=None,
        background_fill_alpha=0.75,
    )
