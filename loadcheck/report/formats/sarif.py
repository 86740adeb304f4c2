"""SARIF 2.1.0: findings as code scanning shows them, at the scenario's line."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import orjson

from loadcheck.judge.verdict import Symptom
from loadcheck.record.stored import StoredFinding
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.figures import times
from loadcheck.report.headlines import headline
from loadcheck.report.next_steps import MENDS

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_RULES: Final = {
    Symptom.SWAPPED: "The whole answer is another identity's.",
    Symptom.FOREIGN_ROWS: "The answer holds rows that are not the caller's.",
    Symptom.MISSING_ROWS: "The answer lacks rows of the caller's own.",
    Symptom.ALTERED_ROWS: "The answer holds other values than the rows have.",
    Symptom.WRONG_ORDER: "The rows come in another order than was asked for.",
    Symptom.WRONG_STATUS: "The status or error code is not the one expected.",
    Symptom.WRONG_HEADERS: "The headers are not those expected.",
    Symptom.ACCEPTED_TOKEN: "A token that must be refused was accepted.",
    Symptom.REFUSED_TOKEN: "A valid token was refused.",
    Symptom.WRONG_CONTEXT: "The answer was made with another request's role or claims.",
    Symptom.WRONG_EXCHANGE: "The answer belongs to another request.",
    Symptom.CROSS_WRITE: "A write reached rows of another identity.",
    Symptom.LOST_WRITE: "A write that was acknowledged is not there.",
    Symptom.MALFORMED: "The answer cannot be read.",
}
_HELP: Final = (
    "The alert names the cause, and what led to it. `loadcheck run F1/reproduce.yaml` in the run's folder shows it"
    " again with the fewest exchanges; docs/findings.md tells what mends each cause."
)
_ORDER: Final = list(_RULES)


def sarif(run: StoredRun) -> str:
    """Return the run's findings as a SARIF 2.1.0 log: rules are symptoms, results are findings."""
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(run)},
                # Code scanning keeps the alerts of each such id apart: of several scenarios none closes another's.
                "automationDetails": {"id": f"loadcheck/{run.summary['scenario']}/"},
                "invocations": [
                    {
                        "executionSuccessful": run.summary["verdict"] != "inconclusive",
                        "startTimeUtc": run.summary["started"],
                        "exitCode": run.summary["exit_code"],
                        "toolExecutionNotifications": list(_notifications(run)),
                    }
                ],
                "results": [_result(finding) for finding in run.findings],
            }
        ],
    }
    return orjson.dumps(log, option=orjson.OPT_INDENT_2).decode() + "\n"


def _driver(run: StoredRun) -> dict[str, Any]:
    rules = [
        {
            "id": symptom.value,
            "shortDescription": {"text": text},
            "help": {"text": _HELP},
            "defaultConfiguration": {"level": "error"},
            "properties": {"tags": ["security", "row-level-security"]},
        }
        for symptom, text in _RULES.items()
    ]
    return {"name": "loadcheck", "version": run.summary["loadcheck"], "rules": rules}


def _notifications(run: StoredRun) -> Iterator[dict[str, Any]]:
    if run.summary["verdict"] == "inconclusive":
        for reason in run.summary["reasons"]:
            yield {"level": "warning", "message": {"text": reason}}


def _result(finding: StoredFinding) -> dict[str, Any]:
    place, symptom = finding["place"], Symptom(finding["symptom"])
    source = finding["source"]
    who = [finding["victim"]["identity"], "" if source is None else source["identity"]]
    return {
        "ruleId": symptom.value,
        "ruleIndex": _ORDER.index(symptom),
        "level": "error",
        "message": {"text": _message(finding)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(place["file"].replace("\\", "/"))},
                    "region": {"startLine": place["line"]},
                }
            }
        ],
        # The same leak of the next run is the same alert: what varies with the seed is left out.
        "partialFingerprints": {"finding/v1": "/".join([symptom.value, finding["request"], *who])},
        "properties": {"cause": finding["cause"], "count": finding["count"]},
    }


def _message(finding: StoredFinding) -> str:
    lines = [f"{headline(finding)}, {times(finding['count'])}; cause: {finding['cause']}.", finding["reason"]]
    mend = [f"To mend it: {MENDS[finding['cause']]}."] if finding["cause"] in MENDS else []
    return "\n".join([*lines, *finding["reasoning"], *mend])
