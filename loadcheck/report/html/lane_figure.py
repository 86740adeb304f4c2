"""Lanes as a picture: a lane for each backend, a bar for each exchange, poison and victim marked."""

from typing import Any, Final

from bokeh.models import ColumnDataSource, HoverTool, Range1d

from loadcheck.report.html.figures import RED, Figure, chart_text, empty_figure, lane_axis
from loadcheck.report.html.lanes import NOT_TOLD, Lanes, Part, Stay

_LANE: Final = 38  # pixels
_MS: Final = 1000
_COLOURS: Final[dict[Part, str]] = {"victim": RED, "poison": "#b8860b", "other": "#7f8fa6"}
_HATCHES: Final[dict[Part, str]] = {"victim": "x", "poison": "/", "other": " "}
# Below the bar and to its left, or above it and to its right: the two do not meet however narrow the page is.
_LABELS: Final[dict[Part, dict[str, Any]]] = {
    "victim": {"x": "right", "text_align": "right", "y_offset": 9, "text_baseline": "top"},
    "poison": {"x": "left", "text_align": "left", "y_offset": -9, "text_baseline": "bottom"},
}


def lane_figure(lanes: Lanes) -> Figure:
    """Return the picture, its time in milliseconds before the violation's answer."""
    victim = next(stay for stay in lanes if stay.part == "victim")
    began = min(stay.began for stay in lanes)
    length = max((victim.ended - began) * _MS, 1e-3)
    backends = [victim.backend, *sorted({stay.backend for stay in lanes} - {victim.backend})]
    drawn = empty_figure(Range1d(start=-1.04 * length, end=0.04 * length), 64 + _LANE * len(backends))
    lane_axis(drawn, [name if name == NOT_TOLD else f"backend {name}" for name in backends])
    drawn.xaxis.axis_label = "ms before the wrong answer came"
    for part in ("other", "poison", "victim"):
        _bars(drawn, [stay for stay in lanes if stay.part == part], part, backends, victim.ended, length)
    drawn.add_tools(HoverTool(tooltips=[("", "@who"), ("asked for", "@request"), ("part", "@part")]))
    return drawn


def _bars(drawn: Figure, stays: list[Stay], part: Part, backends: list[str], end: float, length: float) -> None:
    source = ColumnDataSource(
        {
            "left": [round((stay.began - end) * _MS, 4) for stay in stays],
            "right": [
                round(max((stay.ended - end) * _MS, (stay.began - end) * _MS + length / 300), 4) for stay in stays
            ],
            "y": [-backends.index(stay.backend) for stay in stays],
            "who": [chart_text(stay.who) for stay in stays],
            "request": [chart_text(stay.request) for stay in stays],
            "part": [part] * len(stays),
            "told": [f"{part}: {chart_text(stay.who)}" for stay in stays],
        }
    )
    colour = _COLOURS[part]
    drawn.hbar(
        y="y",
        left="left",
        right="right",
        source=source,
        height=0.42,
        fill_color=colour,
        fill_alpha=0.5,
        line_color=colour,
        hatch_pattern=_HATCHES[part],
        hatch_color=colour,
    )
    if part in _LABELS:
        drawn.text(
            y="y",
            text="told",
            source=source,
            name="named",
            text_font_size="11px",
            text_font_style="bold",
            **_LABELS[part],
        )
