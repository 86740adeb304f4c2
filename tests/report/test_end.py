import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.cells import cell_len
from rich.console import Console

from loadcheck.errors import ExitCode
from loadcheck.judge.findings import Finding
from loadcheck.judge.outcome import Measured, Outcome, RunVerdict
from loadcheck.judge.verdict import Cause, Evidence, Ruling, Symptom, Verdict
from loadcheck.record.stored import Summary
from loadcheck.record.stored_run import StoredRun
from loadcheck.record.summary import RunFacts, build_summary
from loadcheck.record.tally import Tally
from loadcheck.report.end import print_report, svg
from loadcheck.report.headlines import headline
from loadcheck.scenario.model import Scenario
from tests.record.samples import (
    FACTS,
    FAILED,
    FOREIGN,
    PASSED,
    SCENARIO,
    SECRET,
    STATUS,
    TOKEN,
    exchange,
    finding,
    population,
    tally,
    writer,
)

FOLDER = Path("reports/pets-20250101T120000Z")
HOSTILE = "\x1b[2J[bold]犬\r\nverdict: pass\x07 " + "N" * 300


def report(summary: Summary, findings: Sequence[Finding] = (), width: int = 80, *, colour: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=colour, color_system="truecolor" if colour else None)
    print_report(console, summary, [writer().stored(one) for one in findings], FOLDER)
    return file.getvalue()


def two_findings() -> list[Finding]:
    other = exchange(77, request=2, identity=500, at=9.1, status=400)
    return [finding(), finding(STATUS, "F2", first=other, count=3)]


def failed() -> str:
    return report(build_summary(tally(), two_findings(), FAILED, FACTS), two_findings())


def widest(text: str) -> int:
    return max(map(cell_len, text.splitlines()))


def test_the_verdict_and_its_reason_come_first_and_the_path_with_what_to_do_next_last() -> None:
    lines = failed().splitlines()
    assert lines[0] == "verdict: fail"
    assert lines[1].startswith("  16 of 6,594 exchanges broke row security")
    last = lines.index("next:")
    assert lines[last - 2 : last] == ["verdict: fail, exit 1", f"run: {FOLDER}"]
    assert lines[last + 1].startswith("  F1: let every setting end with its transaction")


def test_lines_that_are_wrapped_have_no_spaces_after_them() -> None:
    reasons = ("many words " * 30, "犬 " * 100)
    text = report(build_summary(tally(), [], replace(FAILED, reasons=reasons), FACTS))
    lines = text.partition("\n\n")[0].splitlines()[1:]
    assert len(lines) > 8
    assert all(line.startswith("  ") and line == line.rstrip() and cell_len(line) <= 80 for line in lines)


def test_the_rate_is_told_with_the_time_that_it_is_over() -> None:
    summary = build_summary(tally(violations=False), [], PASSED, FACTS)
    assert "\n99.9/s over 1 min 00 s measured (1 min 03 s in all), p50 " in report(summary)
    assert summary["throughput_rps"] == pytest.approx(5994 / 60)


@pytest.mark.parametrize(("unknown", "told"), [(100, False), (320, True)])
def test_a_pass_tells_when_more_than_a_tenth_of_the_answers_has_no_verdict(unknown: int, *, told: bool) -> None:
    summary = build_summary(tally(violations=False), [], PASSED, FACTS)
    summary["exchanges"] |= {"sent": 1_000, "ok": 1_000 - unknown, "unknown": unknown}
    text = " ".join(report(summary).partition("── ")[0].split())
    why = "refused under a fault, given up on purpose, lost or unclear"
    assert (
        f"32 % of the answers were left unjudged (320 of 1,000: {why}); the verdict says nothing of them" in text
    ) is told


def test_a_finding_is_told_as_a_story() -> None:
    text = failed()
    start = text.index("F1  ")
    story = text[start : text.index("F2  ")]
    assert story.splitlines() == [
        "F1  foreign-rows: keeper#3 asked for list and got rows of keeper#17",
        "    asked       GET /pets?select=id,name,keeper&order=id",
        '    as          keeper#3  {"role":"role_rw","user_type":"tenant-3"}',
        "    got         status 200, 21 rows where 20 belong",
        '    not its own {"id":17,"name":"Nemo","keeper":"tenant-17"}',
        '    whose       keeper#17  {"role":"role_rw","user_type":"tenant-17"}',
        "    why         21 rows came back, 1 of them belongs to keeper#17",
        "    cause       session-state",
        "    seen        12 times, by 3 identities, first at 4.2 s in steady",
        "    repeat      needs PostgREST's jwt-secret in LOADCHECK_JWT_SECRET; embedded:",
        "                `loadcheck up FILE` gives a new stack's URL and key",
        "curl -sS -i 'http://127.0.0.1:3000/pets?select=id,name,keeper&order=id' \\",
        "  -H \"Authorization: Bearer $(loadcheck token scenarios/pets.yaml 'keeper#3')\" \\",
        "  -H 'Accept: application/json' \\",
        "  -H 'apikey: '\"$APIKEY\"",
        "",
    ]


def test_a_finding_without_a_token_needs_no_key_to_repeat() -> None:
    silent = writer().stored(finding())
    silent["reproduce"]["token"] = None
    file = io.StringIO()
    print_report(Console(file=file, width=80), build_summary(tally(), [], FAILED, FACTS), [silent], FOLDER)
    assert "LOADCHECK_JWT_SECRET" not in file.getvalue()
    assert "    repeat      embedded: `loadcheck up FILE` gives a new stack's" in file.getvalue()


def test_thresholds_stand_beside_what_was_measured() -> None:
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in failed().splitlines() if line.strip()}
    assert lines["p99"] in {"was not held", "held 48 ms at most 250 ms"}
    assert lines["error_rate"] == "not held 0.3 % at most 0.1 %"
    assert lines["throughput"] == "not held 99.8/s at least 200/s"
    assert lines["handoffs"] == "no sample - at least 1,000"


def test_there_is_a_line_for_each_request_mix_phase_and_status() -> None:
    text = failed()
    squeezed = [" ".join(line.split()) for line in text.splitlines()]
    assert "request sent ok violation unknown p50 p99" in squeezed
    assert any(line.startswith("list 2,000 1,994 4 2 ") for line in squeezed)
    assert "keeper 5,980 5,962 12 6" in squeezed
    assert any(line.startswith("warm-up (not measured) 600 1 ") for line in squeezed)
    assert "200: 5,994, time-out: 6" in squeezed
    assert "unknown 6 times: no answer within 10 s" in squeezed
    assert "24.1 s of processor time, 38.1 % of one core, 142 MB of memory, 1 missed arrival" in squeezed


def test_a_pass_has_no_findings_and_no_thresholds() -> None:
    text = report(build_summary(tally(violations=False), [], PASSED, FACTS))
    assert text.startswith("verdict: pass\n  every one of 6,594 answers was right")
    assert "finding" not in text
    assert "threshold" not in text


def test_the_verdict_does_not_hide_a_threshold_that_was_not_held() -> None:
    slow = replace(PASSED, exit_code=ExitCode.THRESHOLD)
    text = report(build_summary(tally(violations=False), [], slow, FACTS))
    assert text.startswith("verdict: pass (correct, but a threshold did not hold)\n")


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_line_is_wider_than_the_console_or_100(width: int) -> None:
    text = report(build_summary(tally(), two_findings(), FAILED, FACTS), two_findings(), width)
    assert widest(text) <= min(width, 100)


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_narrow_console_gets_everything_cut_to_fit(width: int) -> None:
    text = report(build_summary(tally(), two_findings(), FAILED, FACTS), two_findings(), width)
    assert widest(text) <= width
    assert text.startswith("verdict: fail")


def hostile_scenario() -> Scenario:
    given = SCENARIO.model_dump(by_alias=True, exclude_unset=True)
    name = "[red]" + "犬" * 35
    given["requests"] = [{**given["requests"][0], "name": name}] * 40
    given["identities"] = [{"name": "[/]" + "k" * 70, "claims": {"user_type": HOSTILE}}] * 3
    given["load"] = [{**given["load"][1], "name": "x" * 80}] * 40
    return Scenario.model_validate(given)


def hostile_finding() -> Finding:
    row = f'{{"name": "{HOSTILE}"}}'
    evidence = Evidence(wrong=(row,) * 5, missing=(row,), expected_count=10**9, received_count=1)
    verdict = Verdict(Ruling.VIOLATION, Symptom.SWAPPED, HOSTILE * 5, source=1, evidence=evidence, code=HOSTILE)
    return finding(verdict, first=exchange(1), count=10**9)


def hostile_report(*, colour: bool = False) -> str:
    scenario = hostile_scenario()
    outcome = Outcome(RunVerdict.FAIL, ExitCode.FAIL, (HOSTILE,) * 30, (Measured("p99", 1e6, None, held=None),) * 2)
    facts = replace(FACTS, coverage=dict.fromkeys(("backends", "handoffs", "distinct_handoffs"), 10**12))
    summary = build_summary(tally(scenario, 800), [], outcome, facts)
    summary["statuses"] = {HOSTILE + str(n): 10**9 for n in range(50)}
    summary["unknowns"] = {HOSTILE + str(n): 10**9 for n in range(50)}
    summary["requests"] = {name: {**timed, "sent": 10**12, "ok": 10**12} for name, timed in summary["requests"].items()}
    return report(summary, [hostile_finding()] * 40, colour=colour)


def test_hostile_content_neither_widens_the_report_nor_leaves_its_place() -> None:
    text = hostile_report()
    assert widest(text) <= 80
    assert "[bold]" in text
    assert all(char.isprintable() or char == "\n" for char in text)
    assert [line for line in text.splitlines() if line.startswith("verdict:")] == [
        "verdict: fail",
        "verdict: fail, exit 1",
    ]
    assert len(text.splitlines()) < 350


def test_hostile_content_does_not_reach_a_terminal_that_has_colours() -> None:
    text = hostile_report(colour=True)
    assert "\x1b[2J" not in text
    assert "\x07" not in text
    assert "\r" not in text


def test_many_findings_are_told_in_part_and_all_counted() -> None:
    findings = [finding(name=f"F{n}") for n in range(1, 41)]
    text = report(build_summary(tally(), findings, FAILED, FACTS), findings)
    assert text.count("curl ") == 5
    assert "40 findings" in text
    assert "F15" in text
    assert "F16" not in text
    assert "and 25 more findings: see findings.json" in text


def test_nothing_secret_is_shown() -> None:
    leaky = Verdict(
        Ruling.VIOLATION,
        Symptom.MALFORMED,
        f"the gateway echoed Authorization: Bearer {TOKEN}",
        evidence=Evidence(wrong=(f'"{TOKEN}"',)),
    )
    text = report(build_summary(tally(), [], FAILED, FACTS), [finding(leaky)])
    assert TOKEN not in text
    assert "eyJ" not in text
    assert SECRET not in text
    assert "[token]" in text


def test_a_run_that_sent_nothing_is_reported_all_the_same() -> None:
    nothing = Outcome(RunVerdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE, ("nothing was checked",))
    summary = build_summary(Tally(SCENARIO, population()), [], nothing, RunFacts(1, 0.0, 0.0))
    text = report(summary)
    assert text.startswith("verdict: inconclusive\n  nothing was checked\n")
    assert "0 of 0 exchanges checked" in text
    assert "not measured" in text


def test_a_busy_generator_is_told() -> None:
    facts = replace(FACTS, generator={"cpu_s": 62.0, "rss_max_mb": 1.0, "missed": 0})
    assert "latencies include its own" in report(build_summary(tally(), [], PASSED, facts))


@pytest.mark.parametrize("symptom", list(Symptom))
@pytest.mark.parametrize("source", [None, 16])
def test_every_symptom_has_its_sentence(symptom: Symptom, source: int | None) -> None:
    made = finding(Verdict(Ruling.VIOLATION, symptom, "a reason", source=source))
    made.cause = Cause.POLICY
    stored = writer().stored(made)
    assert headline(stored).startswith("keeper#3 asked for list and ")
    assert symptom in report(build_summary(tally(), [made], FAILED, FACTS), [made])


def test_rows_are_shown_whole_lists_where_no_row_is_wrong_or_missing() -> None:
    order = Verdict(Ruling.VIOLATION, Symptom.WRONG_ORDER, evidence=Evidence(expected=("1", "2"), received=("2", "1")))
    text = report(build_summary(tally(), [], FAILED, FACTS), [finding(order)])
    assert "    should see  1\n                2\n    saw         2\n                1\n" in text


def test_the_picture_is_a_whole_svg_that_loads_nothing_and_shows_the_verdict() -> None:
    stored = [writer().stored(one) for one in two_findings()]
    summary = build_summary(tally(), two_findings(), FAILED, FACTS)
    picture = svg(StoredRun(FOLDER, summary, stored, []))
    root = ET.fromstring(picture)  # noqa: S314 -- our own
    text = "".join(root.itertext())
    assert root.tag.endswith("svg")
    assert "verdict:" in text
    assert "@font-face" not in picture
    assert "url(http" not in picture.replace('"', "")


def test_the_evidence_is_cut_to_a_few_rows() -> None:
    many = replace(FOREIGN, evidence=Evidence(wrong=tuple(f'{{"id":{n}}}' for n in range(10))))
    text = report(build_summary(tally(), [], FAILED, FACTS), [finding(many)])
    assert '{"id":2}' in text
    assert '{"id":3}' not in text
