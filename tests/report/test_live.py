import io
import threading
from dataclasses import replace

import pytest
from rich.console import Console

from loadcheck.engine.events import PhaseEnded, PhaseStarted
from loadcheck.judge.verdict import OK
from loadcheck.record.span import Reached
from loadcheck.record.tally import Tally
from loadcheck.report.live import LiveReporter, View
from loadcheck.report.progress import rate_line
from loadcheck.report.pulse import sparkline
from loadcheck.run.observer import Gauges
from loadcheck.scenario.model import Scenario
from tests.record.samples import FOREIGN, SCENARIO, STATUS, exchange, finding, population, tally

GAUGES = Gauges(now=lambda: 48.0, in_flight=lambda: 32, reached=lambda: None)


def shown(view: View, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    with console.capture() as capture:
        console.print(view.render(width))
    return [line.rstrip() for line in capture.get().splitlines()]


def running() -> Tally:
    """A run in the middle of its last phase, a ramp."""
    counted = tally()
    counted.phases[2].ended = None
    return counted


def test_the_view_tells_phase_rate_latency_and_verdicts() -> None:
    lines = shown(View(running(), GAUGES))
    assert lines[1] == "loadcheck  pets" + " " * 61 + "48 s"
    assert lines[3] == "phase     3 of 3, peak: 400/s to 800/s, 15 s of 30 s"
    assert lines[4] == "rate      100/s of 600/s"
    assert lines[5] == "in flight 32, 1 missed arrival"
    assert lines[6].startswith("latency   p50 1")
    assert lines[7] == "checked   5,994 of 6,000 sent, 502 identities (and 600 in the warm-up)"
    assert lines[8] == "verdicts  5,982 ok, 12 violations, 6 unknown (and 1 violation in the warm-up)"


def test_the_view_tells_what_leaks_need() -> None:
    reached = Reached(backends=4, handoffs=3210, distinct_handoffs=1, repeats=12, exposed=80)
    lines = shown(View(running(), replace(GAUGES, reached=lambda: reached)))
    assert lines[9] == "coverage  4 backends, 3,210 handoffs of 1 kind, 12 repeats, 80 exposed"
    bare = Reached(backends=1, handoffs=0, distinct_handoffs=0, repeats=None, exposed=None)
    lines = shown(View(running(), replace(GAUGES, reached=lambda: bare)))
    assert lines[9] == "coverage  1 backend, 0 handoffs of 0 kinds"


def test_the_view_counts_by_claim_mix_and_status() -> None:
    squeezed = [" ".join(line.split()) for line in shown(View(running(), GAUGES))]
    assert "claim mix sent violation unknown status answers" in squeezed
    assert "keeper 5,980 12 6 200 5,994" in squeezed
    assert "no-claim 10 0 0 time-out 6" in squeezed


def test_columns_stand_below_their_heads_also_where_one_table_is_longer() -> None:
    counted = running()
    for status in (404, 429, 503):
        counted.add(exchange(status=status), OK)
    lines = shown(View(counted, GAUGES))
    head = next(line for line in lines if line.startswith("claim mix"))
    rows = lines[lines.index(head) + 1 :]
    assert [line[head.index("status") :].split()[0] for line in rows] == ["200", "time-out", "404", "429", "503"]
    assert {len(line) for line in rows} == {len(head)}
    ends = head.index("violation") + len("violation")
    assert [line[:ends].split()[-1] for line in rows[:2]] == ["12", "0"]


def test_curves_of_rate_and_p99_stand_beside_their_figures() -> None:
    counted, now = running(), [48.0]
    view = View(counted, replace(GAUGES, now=lambda: now[0]))
    shown(view)
    for number in (400, 100, 0, 200):
        for seq in range(number):
            counted.add(exchange(seq, phase=2, at=now[0], took=number / 1000), OK)
        now[0] += 1.0
        lines = shown(view)
    assert lines[4].endswith(" █▃▁▅")
    assert lines[6].endswith(" █▃ ▅")
    assert sparkline([1.0, 2.0], 0) == ""


def test_the_story_of_a_violation_is_told_the_moment_it_happens() -> None:
    story = [line for line, _ in View(running(), GAUGES).story(finding())]
    assert story[0].endswith("violation F1 foreign-rows: keeper#3 asked for list and got rows of keeper#17")
    assert story[1].strip() == FOREIGN.reason
    assert story[2].startswith("    not its own: ")


def test_the_last_findings_are_listed_a_line_each() -> None:
    view = View(running(), GAUGES)
    for number in range(1, 8):
        view.findings.append(finding(FOREIGN if number % 2 else STATUS, f"F{number}", count=number))
    lines = shown(view)
    assert lines[-1] == "F7 foreign-rows x7: keeper#3 asked for list and got rows of keeper#17"
    assert sum(line.startswith("F") for line in lines) == 5


def test_a_phase_that_just_began_has_a_rate_of_its_own() -> None:
    """What the phase before it did in the same seconds is not its."""
    counted = Tally(SCENARIO, population())
    counted.phase_started(PhaseStarted(1, SCENARIO.load[1], 15.0))
    for seq in range(3000):
        counted.add(exchange(seq, at=15.0 + seq / 100), OK)
    counted.phase_started(PhaseStarted(2, SCENARIO.load[2], 45.0))
    for seq in range(1500):
        counted.add(exchange(seq, phase=2, at=45.0 + seq / 400), OK)
    rates = [rate_line(counted, counted.phases[2], now) for now in (45.0, 48.75, 49.0)]
    assert rates == ["0/s of 400/s", "400/s of 450/s", "367/s of 453/s"]


def test_a_closed_loop_has_a_concurrency_in_place_of_a_target_rate() -> None:
    counted = Tally(SCENARIO, population())
    counted.phase_started(PhaseStarted(1, SCENARIO.load[1], 45.0))
    counted.add(exchange(at=46.0), OK)
    lines = shown(View(counted, GAUGES))
    assert lines[3] == "phase     2 of 3, steady: concurrency 32, 3 s of 30 s"
    assert lines[4] == "rate      0.33/s with concurrency 32"


def test_a_phase_that_ends_after_a_number_of_requests_is_told_by_them() -> None:
    load = [{"name": "count", "concurrency": 2, "requests": 4}]
    scenario = Scenario.model_validate({**SCENARIO.model_dump(by_alias=True, exclude_unset=True), "load": load})
    counted = Tally(scenario, population(scenario))
    counted.phase_started(PhaseStarted(0, scenario.load[0], 0.0))
    counted.add(exchange(phase=0), OK)
    assert shown(View(counted, GAUGES))[3].endswith("count: concurrency 2, 1 of 4 requests")


def test_before_the_first_phase_there_is_little_to_tell() -> None:
    lines = shown(View(Tally(SCENARIO, population()), GAUGES))
    assert "phase     none yet" in lines
    assert "checked   0 of 0 sent, 0 identities" in lines


@pytest.mark.parametrize("width", [30, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal_whatever_the_names(width: int) -> None:
    given = SCENARIO.model_dump(by_alias=True, exclude_unset=True)
    given["name"] = "犬" * 60
    given["identities"] = [{"name": f"[red]{n}" + "k" * 60} for n in range(20)]
    given["load"] = [{**given["load"][1], "name": "p" * 80}]
    scenario = Scenario.model_validate(given)
    view = View(tally(scenario, 1000), GAUGES)
    view.findings.append(finding(count=10**9))
    lines = shown(view, width)
    assert max(map(len, lines)) <= width
    assert len(lines) < 24


def test_the_view_leaves_nothing_behind_but_the_steps() -> None:
    file = io.StringIO()
    reporter = LiveReporter(Console(file=file, width=80, height=24, force_terminal=True, color_system=None))
    reporter.finished()
    reporter.step("PostgreSQL 17 on \x1b[2J127.0.0.1:5433")
    reporter.finding(finding())
    counted = Tally(SCENARIO, population())
    reporter.started(counted, GAUGES)
    counted.phase_started(PhaseStarted(0, SCENARIO.load[0], 0.0))
    counted.add(exchange(phase=0), OK)
    reporter.finding(finding())
    reporter.step("stopping")
    counted.phase_ended(PhaseEnded(0, SCENARIO.load[0], 3.0))
    reporter.finished()
    reporter.finished()
    text = file.getvalue()
    assert text.startswith("PostgreSQL 17 on \\x1b[2J127.0.0.1:5433\n")
    assert "stopping\n" in text
    assert text.endswith("\x1b[2K")
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1


def test_a_view_that_cannot_be_drawn_is_told_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = threading.Event()

    def broken(*_: object) -> None:
        tried.set()
        raise KeyError("gone")

    monkeypatch.setattr(View, "render", broken)
    file = io.StringIO()
    reporter = LiveReporter(Console(file=file, width=80, height=24, force_terminal=True, color_system=None))
    reporter.started(running(), GAUGES)
    assert tried.wait(60)
    reporter.finished()
    assert file.getvalue().endswith("the live view could not be drawn: KeyError('gone')\n")
    assert file.getvalue().count("\x1b[?25l") == file.getvalue().count("\x1b[?25h") == 1


def test_those_with_violations_come_first_and_the_tables_are_as_high_as_there_is_room() -> None:
    counted = running()
    counted.add(exchange(identity=501), FOREIGN)
    view = View(counted, GAUGES)

    def mixes(height: int) -> list[str]:
        console = Console(file=io.StringIO(), width=80, height=height, highlight=False)
        with console.capture() as capture:
            console.print(view.render(80, height))
        lines = [line.rstrip() for line in capture.get().splitlines()]
        assert len(lines) <= height
        first = next(at for at, line in enumerate(lines) if line.startswith("claim mix"))
        return [line.split()[0] for line in lines[first + 1 :] if line[:1].strip()]

    assert mixes(16) == ["keeper", "expired", "1"]  # more
    assert mixes(40) == ["keeper", "expired", "no-claim"]
