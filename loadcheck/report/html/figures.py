"""What all figures have in common: one look, which the page's script adapts to light and dark."""

from typing import Any, Final

from bokeh.models import AdaptiveTicker, FixedTicker, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from loadcheck.report.text import cut

COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#b8860b", "#56b4e9", "#882255", "#777777")
"""Told apart by people who see few colours (after Okabe and Ito)."""
ON_BLACK: Final = ("#5ab4f0", "#ff9a52", "#3fcf9f", "#dd93d6", "#e3bd55", "#a5d8f7", "#e77f9b", "#aab2bc")
"""The same, light enough for a black page."""
DASHES: Final = ("solid", "dashed", "dotted", "dotdash", "dashdot", "solid", "dashed", "dotted")
RED: Final = "#d03030"
_LABEL: Final = 24  # cells
_LONG_S: Final = 600

Figure = Any
"""A Bokeh figure, whose properties take more than its stubs know."""


def chart_text(text: str) -> str:
    """Return text for a chart, short and inert; Bokeh takes what stands in dollar signs or brackets for mathematics."""
    return cut(text, _LABEL).replace("$$", "$\u200b$").replace("\\(", "\\\u200b(").replace("\\[", "\\\u200b[")


def empty_figure(times: Range1d, height: int, **options: Any) -> Figure:
    """Return a figure over time, to be drawn in."""
    drawn: Figure = figure(
        height=height,
        x_range=times,
        sizing_mode="stretch_width",
        min_width=240,
        tools="xpan,xbox_zoom,reset",
        toolbar_location=None,
        min_border_left=64,
        min_border_right=12,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        **options,
    )
    drawn.title.text_font_size = "12px"
    drawn.grid.grid_line_alpha = 0.25
    drawn.axis.minor_tick_line_color = None
    drawn.xaxis.ticker.desired_num_ticks = 5
    return drawn


def is_long(end: float) -> bool:
    """Whether seconds are too many to be read as such."""
    return end >= _LONG_S


def told_at(column: str, end: float) -> str:
    """Return how a tooltip tells a time of a run that ends then."""
    return f"@{column}{{00:00:00}}" if is_long(end) else f"@{column}{{0.00}} s"


def long_times(drawn: Figure, end: float) -> None:
    """Have the axis of a long run tell hours and minutes, at whole ones."""
    if is_long(end):
        drawn.xaxis.ticker = AdaptiveTicker(base=60, mantissas=[1, 2, 5, 10, 15, 30], desired_num_ticks=6)
        drawn.xaxis.formatter = NumeralTickFormatter(format="00:00:00")


def lane_axis(drawn: Figure, names: list[str]) -> None:
    """Name the lanes of a figure, the first on top: lane `n` lies at height `-n`."""
    drawn.y_range = Range1d(start=-len(names) + 0.3, end=0.7)
    drawn.yaxis.ticker = FixedTicker(ticks=[-number for number in range(len(names))])
    drawn.yaxis.major_label_overrides = {-number: chart_text(name) for number, name in enumerate(names)}
    drawn.ygrid.grid_line_color = None
