"""What the scenario leaves out: tables that nobody asks for, and rows that are cut off."""

import re
from collections.abc import Iterator

from loadcheck.doctor.catalogue import Catalogue
from loadcheck.doctor.line import About, Line, ok, warning
from loadcheck.doctor.target import Target
from loadcheck.scenario.model import Scenario


def not_asked(scenario: Scenario, catalogue: Catalogue) -> Iterator[Line]:
    """Tell of tables and views that PostgREST serves and no request names."""
    named = {word for request in scenario.requests for word in re.findall(r"\w+", request.path)}
    left_out = [one for one in catalogue.reachable if one.path not in named]
    for one in left_out:
        yield warning(
            About.COVERAGE,
            f"no request asks for {one.name}, which requests may use",
            f"Add a request: {{get: /{one.path}, expect: {{rows: …}}}}; or: REVOKE ALL ON {one.name} FROM …;",
        )
    if not left_out:
        yield ok(About.COVERAGE, "every table and view that requests may use is asked for")


def cut(target: Target) -> Iterator[Line]:
    """Tell of answers that PostgREST cuts off."""
    short = [page for page in target.pages if page.rows < page.total]
    for page in short:
        yield warning(
            About.COVERAGE,
            f"request {page.request!r} gets {page.rows:,} of {page.total:,} rows: db-max-rows cuts it off",
            "Narrow the request, or expect what the limit leaves; or raise db-max-rows.",
        )
    if target.pages and not short:
        yield ok(About.COVERAGE, "no answer is cut off by db-max-rows")
