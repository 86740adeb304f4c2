"""What lies behind and above the charts: phases as bands, faults shaded, findings as pins, violations below them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Final, Self

from bokeh.models import ColumnDataSource, HoverTool, Range1d

from loadcheck.record.series import Sample
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.figures import seconds, times
from loadcheck.report.html.figures import RED, Figure, chart_text, empty_figure, lane_axis, long_times, told_at
from loadcheck.report.html.thinning import Stretch, merged
from loadcheck.report.html.violations import violations

_LANE: Final = 30  # pixels
_FINEST: Final = 400  # stretches of one kind that can be told apart on a screen
_NEARLY_ALL: Final = 0.9
_MOST: Final = 8  # kinds of faults with a lane of their own
_PINNED: Final = 20  # findings named at their pins
_APART: Final = 16  # names that there is room for


@dataclass(frozen=True, slots=True)
class Bands:
    """What happened when, in seconds after the run's start.

    Attributes:
        phases: Their names and stretches.
        faults: When each fault was on, to a second.
        violations: When there were any.
        findings: When each was first seen.
        end: Of the run.
    """

    phases: Sequence[tuple[str, Stretch]]
    faults: dict[str, list[Stretch]]
    violations: Sequence[Stretch]
    findings: Sequence[tuple[str, float]]
    end: float

    @classmethod
    def of(cls, run: StoredRun) -> Self:
        """Gather them from a run."""
        end = max([run.summary["duration_s"], *(sample["at_s"] for sample in run.series)])
        phases = [
            (phase["name"], (phase["started_s"], phase["started_s"] + phase["duration_s"]))
            for phase in run.summary["phases"]
            if phase["started_s"] is not None
        ]
        findings = [(finding["id"], finding["first_s"]) for finding in run.findings[:_PINNED]]
        return cls(phases, _faults(run.series, end), violations(run, end / _FINEST), findings, end)

    def behind(self, drawn: Figure) -> None:
        """Shade every other phase and the faults, and mark where each finding was first seen."""
        for number, (_, (first, last)) in enumerate(self.phases):
            if number % 2:
                drawn.vstrip(
                    x0=[first], x1=[last], fill_color="#888888", fill_alpha=0.1, line_color=None, level="underlay"
                )
        if shaded := self._shaded():
            drawn.vstrip(
                x0=[first for first, _ in shaded],
                x1=[last for _, last in shaded],
                fill_color="#e69f00",
                fill_alpha=0.12,
                hatch_pattern="/",
                hatch_alpha=0.2,
                hatch_color="#a06a00",
                line_color=None,
                level="underlay",
            )
        if seen := [at for _, at in self.findings]:
            drawn.vspan(x=seen, line_color=RED, line_dash="dashed", line_alpha=0.7)

    def _shaded(self) -> list[Stretch]:
        """Return when any fault was on, those that were on nearly all the time left out: they set nothing apart."""
        passing = [
            stretches
            for stretches in self.faults.values()
            if sum(last - first for first, last in stretches) < _NEARLY_ALL * self.end
        ]
        return list(merged(sorted(stretch for stretches in passing for stretch in stretches), 0.0))

    def strip(self, axis: Range1d) -> Figure:
        """Return the figure that names them, a lane for each kind."""
        faults = list(self._lanes())
        pins = ["findings", "violations"] if self.violations or self.findings else []
        names = ["phases", *(f"! {name}" for name, _ in faults), *pins]
        drawn = empty_figure(axis, 50 + _LANE * len(names), name="phases, faults and violations")
        lane_axis(drawn, names)
        self._draw(drawn, 0, [(name, stretch) for name, stretch in self.phases], "#7f8fa6")
        for lane, (_, stretches) in enumerate(faults, 1):
            self._draw(drawn, -lane, stretches, "#e69f00")
        if pins:
            self._pin(drawn, 2 - len(names))
            self._draw(drawn, 1 - len(names), [("violations", stretch) for stretch in self.violations], RED)
        drawn.add_tools(
            HoverTool(tooltips=[("", "@name"), ("from", told_at("left", self.end)), ("to", told_at("right", self.end))])
        )
        long_times(drawn, self.end)
        return drawn

    def _lanes(self) -> Iterator[tuple[str, list[tuple[str, Stretch]]]]:
        """Yield the lanes of the faults: one for each kind, and one for all those that there is no lane left for."""
        named = [[(name, stretch) for stretch in stretches] for name, stretches in self.faults.items()]
        alone = _MOST if len(named) == _MOST else _MOST - 1
        yield from ((stretches[0][0], stretches) for stretches in named[:alone])
        if rest := named[alone:]:
            yield f"{len(rest)} other faults", list(chain.from_iterable(rest))

    def _draw(self, drawn: Figure, lane: int, stretches: Sequence[tuple[str, Stretch]], colour: str) -> None:
        thinnest = self.end / 1000
        source = ColumnDataSource(
            {
                "name": [chart_text(name) for name, _ in stretches],
                "left": [first for _, (first, _) in stretches],
                "right": [max(last, first + thinnest) for _, (first, last) in stretches],
                "y": [lane] * len(stretches),
            }
        )
        bar = {"fill_color": colour, "fill_alpha": 0.35, "line_color": colour, "height": 0.8}
        drawn.hbar(y="y", left="left", right="right", source=source, **bar)
        if lane == 0:
            wide = [index for index, (_, (first, last)) in enumerate(stretches) if last - first > self.end / 12]
            texts = {column: [source.data[column][index] for index in wide] for column in ("name", "left", "y")}
            drawn.text(
                x="left",
                y="y",
                text="name",
                source=ColumnDataSource(texts),
                x_offset=4,
                text_baseline="middle",
                text_font_size="11px",
                name="named",
            )

    def _pin(self, drawn: Figure, lane: int) -> None:
        pins = {"x": sorted({at for _, at in self.findings})}
        pins["y"] = [lane] * len(pins["x"])
        drawn.scatter("x", "y", source=ColumnDataSource(pins), marker="inverted_triangle", size=10, color=RED)
        named = list(self._named())
        told = {"x": [at for _, at in named], "y": [lane] * len(named), "name": [name for name, _ in named]}
        drawn.text(
            "x",
            "y",
            "name",
            source=ColumnDataSource(told),
            x_offset=8,
            text_baseline="middle",
            text_font_size="11px",
            name="named",
        )

    def _named(self) -> Iterator[tuple[str, float]]:
        """Yield the names of findings, those that would lie upon each other as one: `F1 and 2 more`."""
        near: list[tuple[str, float]] = []
        for one in sorted(self.findings, key=itemgetter(1)):
            if near and one[1] - near[0][1] > self.end / _APART:
                yield _together(near)
                near = []
            near.append(one)
        if near:
            yield _together(near)

    def told(self) -> Iterator[str]:
        """Tell in words what the strip shows."""
        for name, (first, last) in self.phases:
            yield f"phase {name}: {seconds(first)} to {seconds(last)}"
        for name, stretches in self.faults.items():
            yield f"fault {name}: {times(len(stretches))}, first at {seconds(stretches[0][0])}"
        for name, at in self.findings:
            yield f"finding {name}: first at {seconds(at)}"


def _together(near: Sequence[tuple[str, float]]) -> tuple[str, float]:
    first, at = near[0]
    return (first if len(near) == 1 else f"{first} and {len(near) - 1} more"), at


def _stretch(sample: Sample) -> Stretch:
    return sample["at_s"] - sample["seconds"], sample["at_s"]


def _faults(series: Sequence[Sample], end: float) -> dict[str, list[Stretch]]:
    on: dict[str, list[Stretch]] = {}
    for sample in series:
        for name in sample.get("faults", ()):
            on.setdefault(name, []).append(_stretch(sample))
    return {name: list(merged(stretches, end / _FINEST)) for name, stretches in on.items()}
