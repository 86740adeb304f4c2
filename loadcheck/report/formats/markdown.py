"""Markdown, for the comment of a pull request or the summary of a CI job."""

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from loadcheck.errors import ExitCode
from loadcheck.record.stored import StoredFinding, Summary
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.figures import (
    amount,
    milliseconds,
    plural,
    rate,
    share,
    threshold_limit,
    threshold_measured,
    threshold_name,
    times,
)
from loadcheck.report.headlines import headline, verdict
from loadcheck.report.next_steps import MENDS, Step, next_steps
from loadcheck.report.text import cut, inert

_SIGNS: Final = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️"}
_HELD: Final = {True: "✅", False: "❌", None: "no sample"}
_FINDINGS: Final = 20
_ROWS: Final = 50  # of a table
_REASON: Final = 500  # characters
_MARKED: Final = re.compile(r"([\\`*_{}\[\]()+!|~$-])")
_TICKS: Final = re.compile(r"`+")
_MENTION: Final = re.compile(r"([@#])")
_ZERO_WIDTH: Final = "\u200b"  # after it, a name is no mention and a number no issue


def markdown(run: StoredRun) -> str:
    """Return the run as GitHub-flavoured Markdown: far below the 1 MB that a job summary may have.

    Whatever comes from the database or the scenario stands as text: it can neither mark up nor mention anybody.
    """
    summary = run.summary
    parts = [
        f"### {_sign(summary)} loadcheck: {escaped(summary['scenario'])}: {verdict(summary)}",
        "\n".join(f"- {escaped(cut(reason, _REASON))}" for reason in summary["reasons"][:_ROWS]),
        " · ".join(_figures(run)),
        *_findings(run.findings),
        *_thresholds(run),
        _requests(run),
        "\n".join(["**Next**", *map(_step, next_steps(summary, run.findings, run.folder))]),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _sign(summary: Summary) -> str:
    return _SIGNS["inconclusive" if summary["exit_code"] == ExitCode.THRESHOLD else summary["verdict"]]


def _figures(run: StoredRun) -> Iterator[str]:
    summary = run.summary
    counts, coverage = summary["exchanges"], summary["coverage"]
    yield f"{counts['ok'] + counts['violation']:,} of {plural(counts['sent'], 'answer')} checked"
    yield plural(coverage["identities"] or 0, "identity", "identities")
    if coverage["handoffs"] is not None:
        yield plural(coverage["handoffs"], "handoff")
    if (upper := summary["leak_rate_upper_95"]) is not None:
        yield f"a leak shows in less than {share(upper)} of handoffs (95 %)"
    yield f"{rate(summary['throughput_rps'])}, p99 {milliseconds(summary['latency_ms']['p99'])}"


def _findings(findings: Sequence[StoredFinding]) -> Iterator[str]:
    for finding in findings[:_FINDINGS]:
        place = finding["place"]
        mend = MENDS.get(finding["cause"], "")
        lines = [
            f"**{finding['id']} {finding['symptom']}**, cause **{finding['cause']}**: {escaped(headline(finding))}",
            f"- seen {times(finding['count'])}, {escaped(place['file'])}:{place['line']}",
            *(f"- {escaped(cut(line, _REASON))}" for line in [finding["reason"], *finding["reasoning"], mend] if line),
        ]
        yield "\n".join(lines)
    if findings[_FINDINGS:]:
        yield f"and {plural(len(findings) - _FINDINGS, 'more finding')}: see findings.json"


def _thresholds(run: StoredRun) -> Iterator[str]:
    rows = [
        [
            threshold_name(each["name"], each["window_s"]),
            threshold_limit(each["name"], each["limit"]),
            threshold_measured(each["name"], each["value"], each["at_s"]),
            _HELD[each["held"]],
        ]
        for each in run.summary["thresholds"]
    ]
    if rows:
        yield table(["threshold", "limit", "measured", ""], rows)


def _requests(run: StoredRun) -> str:
    rows = [
        [
            name,
            amount(each["ok"]),
            amount(each["violation"]),
            amount(each["unknown"]),
            milliseconds(each["latency_ms"]["p99"]),
        ]
        for name, each in run.summary["requests"].items()
    ]
    return table(["request", "ok", "violations", "unknown", "p99"], rows)


def _step(step: Step) -> str:
    return f"- {escaped(step.text)}: {_code(step.command)}" if step.command else f"- {escaped(step.text)}"


def _code(command: str) -> str:
    """Return a command to copy, between more backticks than it has in a row."""
    ticks = "`" * (max(map(len, _TICKS.findall(command)), default=0) + 1)
    space = " " if len(ticks) > 1 else ""
    return f"{ticks}{space}{inert(command)}{space}{ticks}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, its cells being text."""
    lines = [_line(head), "|" + " --- |" * len(head), *(_line([escaped(cell) for cell in row]) for row in rows[:_ROWS])]
    more = [f"\nand {len(rows) - _ROWS:,} more"] if rows[_ROWS:] else []
    return "\n".join(lines + more)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def escaped(text: str) -> str:
    """Return text that came from elsewhere so that it marks nothing up and mentions nobody."""
    return _MENTION.sub(rf"\1{_ZERO_WIDTH}", _MARKED.sub(r"\\\1", escape(inert(text), quote=False)))
