"""GitHub's workflow commands: annotations at the scenario's lines."""

from collections.abc import Iterator
from typing import Final

from loadcheck.record.stored_run import StoredRun
from loadcheck.report.figures import times
from loadcheck.report.headlines import headline

_MOST: Final = 10  # GitHub shows so many of each kind from one step


def annotations(run: StoredRun) -> str:
    """Return an annotation a finding, ten at most, and one for a verdict without findings that is no pass.

    Each is a line for the step's output, as GitHub's documentation of workflow commands gives it.
    """
    return "".join(f"{line}\n" for line in _lines(run))


def _lines(run: StoredRun) -> Iterator[str]:
    for finding in run.findings[:_MOST]:
        place = finding["place"]
        title = f"{finding['symptom']} ({finding['cause']})"
        where = f"file={_property(place['file'])},line={place['line']},title={_property(title)}"
        yield f"::error {where}::{_message(headline(finding) + ', ' + times(finding['count']))}"
    if not run.findings and run.summary["verdict"] != "pass":
        title = f"title={_property('loadcheck: ' + run.summary['verdict'])}"
        yield f"::warning {title}::{_message('; '.join(run.summary['reasons']))}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
