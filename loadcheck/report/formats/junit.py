"""JUnit XML: a test case for each request and kind of identity, as CI servers show them."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final
from xml.etree import ElementTree as ET

from loadcheck.record.stored import StoredCell, StoredFinding, StoredThreshold
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.figures import plural, threshold_limit, threshold_measured, threshold_name
from loadcheck.report.formats.xml_text import xml_text
from loadcheck.report.headlines import headline
from loadcheck.report.next_steps import MENDS
from loadcheck.report.text import cut

_THRESHOLDS: Final = "thresholds"
_ROWS: Final = 3
_LINE: Final = 500  # cells


def junit(run: StoredRun) -> str:
    """Return the run as JUnit XML: a suite for each request, and one for the thresholds.

    A case fails by a finding of its request with a victim of its kind; other findings have cases of their own. It is
    skipped where nothing was checked, and is an error where something was, but less than the verdict needs. Its time is
    the median latency of its request, for that is what a CI server may compare with earlier runs; a suite's is the
    run's. It is written for the schema that Jenkins and GitLab read (`testsuites` over `testsuite` over `testcase`).
    """
    root = ET.Element("testsuites", name=xml_text(run.summary["scenario"]))
    for request, pairs in groupby(run.summary["pairs"], key=lambda pair: pair["request"]):
        _suite(root, run, request, [_case(run, pair) for pair in pairs])
    if others := list(_others(run)):
        _suite(root, run, "others", [_other(run, each) for each in others])
    if run.summary["thresholds"]:
        _suite(root, run, _THRESHOLDS, [_limit(run, each) for each in run.summary["thresholds"]])
    if run.summary["verdict"] == "inconclusive":
        _suite(root, run, "verdict", [_verdict(run)])
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, run: StoredRun, name: str, cases: list[ET.Element]) -> None:
    counted = {kind: sum(case.find(kind) is not None for case in cases) for kind in ("failure", "error", "skipped")}
    suite = ET.SubElement(
        root,
        "testsuite",
        name=xml_text(name),
        tests=str(len(cases)),
        failures=str(counted["failure"]),
        errors=str(counted["error"]),
        skipped=str(counted["skipped"]),
        time=f"{run.summary['duration_s']:.3f}",
        timestamp=run.summary["started"].partition(".")[0],
        hostname="localhost",
    )
    suite.extend(cases)


def _case(run: StoredRun, pair: StoredCell) -> ET.Element:
    case = _named(run, pair["request"], pair["identity"], _median(run, pair["request"]) if pair["sent"] else 0.0)
    if found := list(_findings(run, pair)):
        _fail(case, found)
    elif not pair["ok"] + pair["violation"]:
        why = f"{plural(pair['unknown'], 'answer')} lost or unclear" if pair["sent"] else "never sent"
        ET.SubElement(case, "skipped").text = f"nothing was checked: {why}"
    return case


def _findings(run: StoredRun, pair: StoredCell) -> Iterator[StoredFinding]:
    for each in run.findings:
        if each["request"] == pair["request"] and each["victim"]["identity"] == pair["identity"]:
            yield each


def _others(run: StoredRun) -> Iterator[StoredFinding]:
    """Yield findings whose victim was never to send the request, such as whoever owned a row that it wrote."""
    pairs = {(pair["request"], pair["identity"]) for pair in run.summary["pairs"]}
    yield from (each for each in run.findings if (each["request"], each["victim"]["identity"]) not in pairs)


def _other(run: StoredRun, finding: StoredFinding) -> ET.Element:
    case = _named(run, finding["request"], finding["victim"]["identity"], _median(run, finding["request"]))
    _fail(case, [finding])
    return case


def _fail(case: ET.Element, found: Sequence[StoredFinding]) -> None:
    heads = "; ".join(f"{each['id']} {headline(each)}" for each in found)
    failure = ET.SubElement(case, "failure", message=xml_text(heads), type=xml_text(found[0]["symptom"]))
    failure.text = xml_text("\n".join(map(_told, found)))


def _told(finding: StoredFinding) -> str:
    place, found = finding["place"], finding["reproduction"]
    lines = [f"{finding['id']} {finding['symptom']}, cause {finding['cause']}: {headline(finding)}", finding["reason"]]
    rows = [f"not its own: {row}" for row in finding["evidence"]["wrong"][:_ROWS]]
    mend = [f"to mend it: {MENDS[finding['cause']]}"] if finding["cause"] in MENDS else []
    again = [] if found is None else [f"to see it again: loadcheck run {found['scenario']} in the run's folder"]
    where = f"{place['file']}:{place['line']}"
    return "\n".join(cut(line, _LINE) for line in [*lines, *finding["reasoning"], *rows, *mend, *again, where])


def _limit(run: StoredRun, each: StoredThreshold) -> ET.Element:
    case = _named(run, _THRESHOLDS, threshold_name(each["name"], each["window_s"]))
    if each["held"] is None:
        ET.SubElement(case, "skipped").text = "there was nothing to measure"
    elif not each["held"]:
        value = threshold_measured(each["name"], each["value"], each["at_s"])
        told = f"{value}, where the limit is {threshold_limit(each['name'], each['limit'])}"
        ET.SubElement(case, "failure", message=told, type="threshold")
    return case


def _verdict(run: StoredRun) -> ET.Element:
    case = _named(run, "verdict", "conclusive")
    ET.SubElement(case, "error", message=xml_text("; ".join(run.summary["reasons"])), type="inconclusive")
    return case


def _median(run: StoredRun, request: str) -> float:
    """Return the median latency of a request, in seconds; 0.0 where none was measured."""
    timed = run.summary["requests"].get(request)
    return (timed["latency_ms"]["p50"] or 0.0) / 1000 if timed else 0.0


def _named(run: StoredRun, suite: str, name: str, seconds: float = 0.0) -> ET.Element:
    classname = xml_text(f"{run.summary['scenario']}.{suite}")
    return ET.Element("testcase", classname=classname, name=xml_text(name), time=f"{seconds:.6f}")
