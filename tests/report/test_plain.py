import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from loadcheck.engine.events import PhaseEnded, PhaseStarted
from loadcheck.judge.verdict import OK
from loadcheck.record.span import Reached
from loadcheck.record.tally import Tally
from loadcheck.report.live import LiveReporter
from loadcheck.report.plain import PlainReporter, _Lines
from loadcheck.report.terminal import reporter_for
from loadcheck.run.observer import Gauges
from tests.record.samples import FOREIGN, SCENARIO, exchange, finding, population


class Run:
    """A run whose time the test sets, told in plain lines."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.now = 0.0
        self.reached: Reached | None = None
        self.tally = Tally(SCENARIO, population())
        self.file = io.StringIO()
        self.reporter = PlainReporter(Console(file=self.file, width=80, force_terminal=terminal, color_system=None))
        self.gauges = Gauges(lambda: self.now, lambda: 32, lambda: self.reached, lambda: 141.6)

    def begin(self, index: int) -> None:
        self.tally.phase_started(PhaseStarted(index, SCENARIO.load[index], self.now))

    def end(self, index: int) -> None:
        self.tally.phase_ended(PhaseEnded(index, SCENARIO.load[index], self.now))

    def lines(self) -> list[str]:
        self.reporter.finished()
        return [line.rstrip() for line in self.file.getvalue().splitlines()]


def test_steps_phases_and_findings_each_get_their_line() -> None:
    run = Run()
    run.reporter.step("PostgreSQL 17 on 127.0.0.1:5433")
    run.begin(0)
    run.reporter.started(run.tally, run.gauges)
    run.now = 3.0
    run.end(0)
    run.begin(1)
    run.tally.add(exchange(at=3.5), OK)
    run.tally.add(exchange(at=4.2), FOREIGN)
    run.reporter.finding(finding())
    run.now = 33.0
    run.end(1)
    assert run.lines() == [
        "PostgreSQL 17 on 127.0.0.1:5433",
        "    0.0 s  warm-up: concurrency 1 for 3 s",
        "    3.0 s  warm-up: 0 ok, 0 violations, 0 unknown, p50 -, p99 -",
        "    3.0 s  steady: concurrency 32 for 30 s",
        "    4.2 s  violation: keeper#3 asked for list and got rows of keeper#17 (F1)",
        "   33.0 s  steady: 1 ok, 1 violation, 0 unknown, p50 13.3 ms, p99 13.3 ms",
    ]


def test_a_step_during_the_load_comes_after_the_beginning_of_its_phase() -> None:
    run = Run()
    run.begin(1)
    run.reporter.started(run.tally, run.gauges)
    run.reporter.step("fault: terminate-backends")
    assert run.lines() == ["    0.0 s  steady: concurrency 32 for 30 s", "fault: terminate-backends"]


def test_a_step_after_the_load_comes_alone_also_where_a_phase_was_left_in_its_middle() -> None:
    run = Run()
    run.begin(1)
    run.reporter.started(run.tally, run.gauges)
    begun = run.lines()
    run.now = 60.0
    run.reporter.step("300 rows of this run deleted from entries")
    assert run.lines() == [*begun, "300 rows of this run deleted from entries"]


def test_what_was_reached_of_backends_is_told_after_each_phase() -> None:
    run = Run()
    run.begin(1)
    run.reporter.started(run.tally, run.gauges)
    run.reached = Reached(backends=4, handoffs=3210, distinct_handoffs=25, repeats=12, exposed=80)
    run.now = 33.0
    run.end(1)
    assert run.lines()[-1] == ("   33.0 s  4 backends, 3,210 handoffs of 25 kinds, 12 repeats, 80 exposed")


def test_a_phase_that_goes_on_gets_a_line_every_few_seconds() -> None:
    run = Run()
    run.begin(1)
    for seq in range(200):
        run.tally.add(exchange(seq, at=seq / 20), OK)
    run.now = 9.0
    run.reporter.started(run.tally, run.gauges)
    run.reporter.finding(finding())
    assert run.lines()[1] == "    9.0 s  30 % of steady: 22/s, p99 13.3 ms, 200 ok, 0 violations, 0 unknown, 142 MB"
    assert len(run.lines()) == 3


def test_a_long_phase_gets_a_line_a_minute_about_that_minute() -> None:
    run = Run()
    run.begin(1)
    lines = _Lines(run.tally, run.gauges, every=5)
    told = []
    for second in range(1, 601):
        run.now = float(second)
        run.tally.add(exchange(second, at=run.now, took=0.5 if second == 400 else 0.01), OK)
        told += lines.new()
    assert len(told) == 1 + 12 + 9
    (slow,) = (line for line in told if ", p99 50" in line)
    assert slow.startswith("  420.0 s  100 % of steady: 1/s, p99 50")
    assert slow.endswith(" ms, 420 ok, 0 violations, 0 unknown, 142 MB")


def test_a_line_is_one_line_where_no_terminal_shows_it() -> None:
    run = Run()
    run.reporter.step("many words " * 20 + "and [bold]\x1b[2J the end")
    assert run.lines() == ["many words " * 20 + r"and [bold]\x1b[2J the end"]


def test_on_a_terminal_long_lines_are_folded_not_cut() -> None:
    run = Run(terminal=True)
    run.reporter.step("x" * 100 + "[bold]\x1b[2J")
    assert "".join(run.lines()) == "x" * 100 + r"[bold]\x1b[2J"
    assert max(map(len, run.lines())) <= 80


def test_finishing_what_never_started_is_harmless() -> None:
    run = Run()
    run.reporter.finding(finding())
    assert run.lines() == []
    run.reporter.finished()


@pytest.mark.parametrize(
    ("terminal", "environment", "kind"),
    [
        (True, {"TERM": "xterm-256color"}, LiveReporter),
        (True, {"TERM": "xterm-256color", "NO_COLOR": ""}, LiveReporter),
        (True, {"TERM": "xterm-256color", "NO_COLOR": "1"}, PlainReporter),
        (True, {"TERM": "dumb"}, PlainReporter),
        (True, {}, PlainReporter),
        (False, {"TERM": "xterm-256color"}, PlainReporter),
    ],
)
def test_the_live_view_is_for_terminals_that_can_show_it(
    terminal: bool,  # noqa: FBT001 -- a parameter of the test's table
    environment: dict[str, str],
    kind: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    console = Console(file=io.StringIO(), force_terminal=terminal)
    assert isinstance(reporter_for(console), kind)


PRINTS_MUCH = """
from loadcheck.report.terminal import open_console, reporter_for
reporter = reporter_for(open_console())
for number in range(20_000):
    reporter.step(f"line {number}")
raise SystemExit(3)
"""


def test_a_reader_that_leaves_changes_no_exit_code() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PRINTS_MUCH],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"line 0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 3


def test_an_ascii_console_takes_a_report_with_unicode() -> None:
    script = "from loadcheck.report.terminal import open_console\nopen_console().print('── cut… 犬')"
    told = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "-- cut~ ?\n"
