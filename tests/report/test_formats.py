"""A run in the formats of other tools: valid by their schemas, inert whatever the rows hold, and small."""

import csv
import io
import json
import shutil
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.cli.app import cli
from loadcheck.errors import ExitCode
from loadcheck.judge.findings import Finding
from loadcheck.judge.outcome import Outcome
from loadcheck.judge.verdict import Evidence
from loadcheck.record.generator import Generator
from loadcheck.record.sampler import Sampler
from loadcheck.record.span import Span
from loadcheck.record.stored_run import StoredRun
from loadcheck.record.summary import build_summary
from loadcheck.report.formats.github import annotations
from loadcheck.report.formats.junit import junit
from loadcheck.report.formats.markdown import markdown
from loadcheck.report.formats.sarif import sarif
from loadcheck.report.formats.series_csv import series_csv
from tests.record.samples import FACTS, FAILED, FOREIGN, PASSED, STATUS, exchange, finding, tally, writer

SCHEMAS = Path(sys.prefix, "libexec", "schemas")
of_schemas = pytest.mark.skipif(shutil.which("npm") is None, reason="other tools' schemas come by npm")
MANY = 25


CLEAN, LEAKING = tally(violations=False), tally()


def stored(findings: list[Finding], outcome: Outcome = FAILED) -> StoredRun:
    counted = LEAKING if findings else CLEAN
    sample = Sampler(counted, partial(Span, ()), Generator()).sample(63.0, 3)
    summary = build_summary(counted, findings, outcome, FACTS)
    return StoredRun(Path("reports/pets"), summary, [writer().stored(each) for each in findings], [sample])


def two() -> list[Finding]:
    return [finding(), finding(STATUS, "F2", first=exchange(77, request=2, identity=500, at=9.1, status=400), count=3)]


def hostile(text: str) -> StoredRun:
    verdict = replace(FOREIGN, reason=text, evidence=Evidence(expected=(text,), received=(text,), wrong=(text,)))
    run = stored([finding(verdict, f"F{n}") for n in range(MANY)])
    run.summary["reasons"] = [text] * MANY
    for each in run.findings:
        each["reasoning"] = [text]
    return run


def validate_junit(text: str) -> ET.Element:
    root = ET.fromstring(text)  # noqa: S314 -- our own
    xmlschema.XMLSchema(SCHEMAS / "jenkins-junit.xsd").validate(root)
    return root


def validate_sarif(text: str) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(text)
    jsonschema.Draft4Validator(json.loads((SCHEMAS / "sarif-2.1.0-rtm.5.json").read_text())).validate(log)
    return log


@of_schemas
def test_junit_has_a_case_for_each_request_and_kind_of_identity() -> None:
    root = validate_junit(junit(stored(two())))
    cases = {(case.get("classname"), case.get("name")): case for case in root.iter("testcase")}
    failed = {name for name, case in cases.items() if case.find("failure") is not None}
    assert len([name for name in cases if name[0] != "pets.thresholds"]) == 9
    assert failed == {
        ("pets.list", "keeper"),
        ("pets.add", "no-claim"),
        ("pets.thresholds", "error_rate"),
        ("pets.thresholds", "throughput"),
    }
    failure = cases["pets.list", "keeper"].find("failure")
    assert failure is not None
    assert failure.get("message") == "F1 keeper#3 asked for list and got rows of keeper#17"
    assert "scenarios/pets.yaml:10" in (failure.text or "")
    assert [suite.get("failures") for suite in root] == ["1", "0", "1", "2"]


@of_schemas
def test_the_time_of_a_case_is_the_median_latency_of_its_request_in_seconds() -> None:
    run = stored(two())
    run.summary["requests"]["list"]["latency_ms"]["p50"] = 12.345
    run.summary["requests"]["add"]["latency_ms"]["p50"] = None
    next(pair for pair in run.summary["pairs"] if pair["request"] == "list")["sent"] = 0
    first, *cases = validate_junit(junit(run)).iter("testcase")
    times = {(case.get("classname"), float(case.get("time", "nan"))) for case in cases}
    assert first.get("time") == "0.000000"
    assert {time for name, time in times if name == "pets.list"} == {0.012345}
    assert {time for name, time in times if name in {"pets.add", "pets.thresholds"}} == {0.0}


@of_schemas
def test_a_finding_whose_victim_never_sends_the_request_fails_a_case_of_its_own() -> None:
    run = stored(two())
    run.summary["pairs"] = [pair for pair in run.summary["pairs"] if pair["request"] != "list"]
    root = validate_junit(junit(run))
    (case,) = (case for case in root.iter("testcase") if case.get("classname") == "pets.list")
    assert case.find("failure") is not None
    assert [suite.get("failures") for suite in root if suite.get("name") == "others"] == ["1"]


def test_a_threshold_that_did_not_hold_is_no_clean_pass() -> None:
    run = stored([], replace(PASSED, exit_code=ExitCode.THRESHOLD, reasons=("p99 is 2 s",)))
    assert (
        annotations(run) == "::warning title=loadcheck%3A pass%3A correct%2C but a threshold did not hold::p99 is 2 s\n"
    )
    assert markdown(run).startswith("### ⚠️ loadcheck: pets: pass: correct, but a threshold did not hold\n")


@of_schemas
def test_a_clean_run_has_no_failures() -> None:
    run = stored([], PASSED)
    assert not list(validate_junit(junit(run)).iter("failure"))
    assert validate_sarif(sarif(run))["runs"][0]["results"] == []
    assert annotations(run) == ""
    assert markdown(run).startswith("### ✅ loadcheck: pets: pass\n")


@of_schemas
def test_sarif_points_at_the_line_of_the_request() -> None:
    (run,) = validate_sarif(sarif(stored(two())))["runs"]
    first, second = run["results"]
    location = second["locations"][0]["physicalLocation"]
    assert (first["ruleId"], second["ruleId"]) == ("foreign-rows", "wrong-status")
    assert location == {"artifactLocation": {"uri": "scenarios/pets.yaml"}, "region": {"startLine": 12}}
    assert run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == "foreign-rows"


def test_annotations_are_ten_at_most_and_one_line_each() -> None:
    lines = annotations(hostile("a\nb::error::c")).splitlines()
    assert len(lines) == 10
    assert all(line.startswith("::error file=scenarios/pets.yaml,line=10,title=") for line in lines)


@of_schemas
@given(st.text(max_size=200))
def test_whatever_rows_hold_the_formats_stay_valid(text: str) -> None:
    run = hostile(text)
    validate_sarif(sarif(run))
    ET.fromstring(junit(run))  # noqa: S314 -- our own
    assert len(markdown(run)) < 100_000


@pytest.mark.parametrize(
    "text", ["</script><img src=x onerror=alert(1)>", "@everyone #1 [a](b) `c` | d", "N" * 2_000_000]
)
def test_markdown_marks_nothing_up_that_came_from_elsewhere(text: str) -> None:
    made = markdown(hostile(text))
    assert "<img" not in made
    assert "](b)" not in made
    assert "@everyone" not in made
    assert "#1" not in made
    assert len(made) < 100_000


def test_markdown_has_commands_to_copy_whatever_the_folder_is_called() -> None:
    usual = markdown(replace(stored(two()), folder=Path("reports/pets-2026")))
    assert usual.endswith("- everything on one page: `loadcheck report reports/pets-2026 --html run.html`\n")
    odd = markdown(replace(stored(two()), folder=Path("a``b @all")))
    assert odd.endswith("- everything on one page: ``` loadcheck report 'a``b @all' --html run.html ```\n")


def test_csv_has_a_line_for_each_sample() -> None:
    (line,) = csv.DictReader(io.StringIO(series_csv(stored(two()))))
    assert (line["at_s"], line["sent"], line["in_flight"]) == ("63.0", "6600", "3")
    assert line["status_200"] != "0"
    assert float(line["latency_p99_ms"]) > 0


@pytest.mark.parametrize("name", ["summary", "findings", "series"])
def test_what_is_stored_follows_the_published_schemas(name: str) -> None:
    run = stored(two())
    schema = json.loads(CliRunner().invoke(cli, ["schema", name], standalone_mode=False).output)
    content: dict[str, Any] = {"summary": run.summary, "findings": run.findings, "series": run.series[0]}
    jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(content[name], default=str)))
