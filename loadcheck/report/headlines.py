"""A finding in one sentence, and in a few words what the verdict alone does not tell."""

from typing import Final

from loadcheck.errors import ExitCode
from loadcheck.judge.verdict import Symptom
from loadcheck.record.stored import FindingHead, Summary
from loadcheck.report.text import cut

EXPLAINED: Final[dict[int, str]] = {
    ExitCode.THRESHOLD: "correct, but a threshold did not hold",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "terminated",
}
"""What an exit code adds to the verdict."""

_NAME: Final = 32  # cells for a name in a sentence

_WITH_SOURCE: Final = {
    Symptom.SWAPPED: "got the whole answer of {source}",
    Symptom.FOREIGN_ROWS: "got rows of {source}",
    Symptom.CROSS_WRITE: "crossed writes with {source}",
    Symptom.WRONG_CONTEXT: "was answered in the context of {source}",
    Symptom.WRONG_EXCHANGE: "got an answer meant for {source}",
}
_WITHOUT: Final = {
    Symptom.SWAPPED: "got the whole answer of another identity",
    Symptom.FOREIGN_ROWS: "got rows that are not its own",
    Symptom.MISSING_ROWS: "did not get all of its own rows",
    Symptom.ALTERED_ROWS: "got rows with other values than they have",
    Symptom.WRONG_ORDER: "got its rows in the wrong order",
    Symptom.WRONG_STATUS: "got the wrong status",
    Symptom.WRONG_HEADERS: "got the wrong headers",
    Symptom.ACCEPTED_TOKEN: "was let in with a token that must be refused",
    Symptom.REFUSED_TOKEN: "was refused although its token is good",
    Symptom.WRONG_CONTEXT: "was answered in the context of another request",
    Symptom.WRONG_EXCHANGE: "got an answer meant for another request",
    Symptom.CROSS_WRITE: "reached rows that are not its own",
    Symptom.LOST_WRITE: "misses a write that was acknowledged",
    Symptom.MALFORMED: "got an answer that cannot be read",
}


def verdict(summary: Summary) -> str:
    """Return the verdict with what the exit code adds to it: `pass: correct, but a threshold did not hold`."""
    explained = EXPLAINED.get(summary["exit_code"])
    return summary["verdict"] if explained is None else f"{summary['verdict']}: {explained}"


def headline(finding: FindingHead) -> str:
    """Return who asked what and what came of it: `keeper#3 asked for list and got rows of keeper#17`."""
    victim, request = cut(finding["victim"]["label"], _NAME), cut(finding["request"], _NAME)
    return f"{victim} asked for {request} and {_came_of_it(finding)}"


def _came_of_it(finding: FindingHead) -> str:
    symptom, source = Symptom(finding["symptom"]), finding["source"]
    if source is not None and symptom in _WITH_SOURCE:
        return _WITH_SOURCE[symptom].format(source=cut(source["label"], _NAME))
    return _WITHOUT[symptom]
