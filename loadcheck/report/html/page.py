"""The page: everything about a run in one HTML file."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from loadcheck.record.stored_history import read_history
from loadcheck.record.stored_run import StoredRun
from loadcheck.report import figures
from loadcheck.report.headlines import EXPLAINED
from loadcheck.report.html import matrices
from loadcheck.report.html.bands import Bands
from loadcheck.report.html.cards import Card
from loadcheck.report.html.charts import charts
from loadcheck.report.html.embedding import figure_data, scripts, template
from loadcheck.report.html.lane_figure import lane_figure
from loadcheck.report.html.lanes import Lanes, lanes_of
from loadcheck.report.next_steps import next_steps
from loadcheck.report.notes import itself, notes
from loadcheck.report.tables import still_to_see
from loadcheck.report.text import inert

_CARDS: Final = 50
_PICTURED: Final = 20  # cards with lanes
_ROWS: Final = 1_000  # of a table
_FIGURES: Final = (
    "amount", "milliseconds", "plural", "rate", "seconds", "share",
    "threshold_limit", "threshold_measured", "threshold_name", "times",
)  # fmt: skip


def page(run: StoredRun) -> str:
    """Return a run as an HTML page that works without any network, below 5 MB whatever the run's length."""
    findings = run.findings[:_CARDS]
    lanes = _lanes(run)
    drawn: list[tuple[str, Any]] = [(f"lanes-{name}", lane_figure(one)) for name, one in lanes.items()]
    bands = Bands.of(run)
    if (all_charts := charts(run.series, bands)) is not None:
        drawn.append(("charts", all_charts))
    return (
        _environment()
        .get_template("page.html")
        .render(
            run=run,
            summary=run.summary,
            explained=EXPLAINED.get(run.summary["exit_code"], ""),
            next_steps=[step for step in next_steps(run.summary, run.findings, run.folder) if not step.by_page],
            cards=[Card.of(finding, lanes.get(finding["id"], ()), run.folder) for finding in findings],
            further=run.findings[_CARDS:],
            pictured=set(lanes),
            charted=all_charts is not None,
            told=list(bands.told()),
            handoffs=matrices.handoffs(run.summary),
            checked=matrices.checked(run.summary),
            alike=matrices.alike(run.summary),
            notes=list(notes(run.summary)),
            itself=list(itself(run.summary)),
            still_to_see=still_to_see,
            requests=list(run.summary["requests"].items())[:_ROWS],
            scenario=_scenario(run),
            figure_data=figure_data(drawn),
            scripts=scripts(),
            style=Markup(template("page.css")),  # noqa: S704 -- the package's own
        )
    )


def _lanes(run: StoredRun) -> Mapping[str, Lanes]:
    path = run.folder / "history.ndjson.gz"
    return lanes_of(run.findings[:_PICTURED], partial(read_history, path)) if path.exists() else {}


def _scenario(run: StoredRun) -> str:
    """Return the scenario as it was resolved; what is secret was taken out as it was written."""
    path = run.folder / "scenario.yaml"
    return path.read_text("utf-8", "replace") if path.exists() else ""


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("loadcheck.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    for name in _FIGURES:
        environment.globals[name] = getattr(figures, name)
    return environment


def _shown(value: object) -> object:
    """Make every text that a template shows inert, line by line: it has no token, and no sign that hides another."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(map(inert, value.split("\n")))
    return value
