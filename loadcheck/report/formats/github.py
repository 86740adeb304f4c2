"""GitHub's workflow commands: annotations at the scenario's lines."""

from collections.abc import Iterator
from typing import Final

from loadcheck.record.stored_run import StoredRun
from loadcheck.report.figures import times
from loadcheck.report.headlines import headline, verdict
from loadcheck.report.text import inert

_MOST: Final = 10  # GitHub shows so many of each kind from one step


def annotations(run: StoredRun) -> str:
    """Return an annotation a finding, ten at most, and one for a run without findings that does not exit with 0.

    Each is a line for the step's output, as GitHub's documentation of workflow commands gives it.
    """
    return "".join(f"{line}\n" for line in _lines(run))


def _lines(run: StoredRun) -> Iterator[str]:
    for finding in run.findings[:_MOST]:
        place = finding["place"]
        title = f"{finding['symptom']} ({finding['cause']})"
        where = f"file={_property(place['file'])},line={place['line']},title={_property(title)}"
        yield f"::error {where}::{_message(headline(finding) + ', ' + times(finding['count']))}"
    if not run.findings and run.summary["exit_code"]:
        title = f"title={_property('loadcheck: ' + verdict(run.summary))}"
        yield f"::warning {title}::{_message(inert('; '.join(run.summary['reasons'])))}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
