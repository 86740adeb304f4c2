"""What to do after a run, by how it ended."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from loadcheck.errors import ExitCode
from loadcheck.judge.verdict import Cause
from loadcheck.record.stored import StoredFinding, Summary
from loadcheck.report.curl import quoted
from loadcheck.report.program import program

MENDS: Final[dict[str, str]] = {
    Cause.SESSION_STATE: "let every setting end with its transaction: set_config(name, value, true), SET LOCAL",
    Cause.PLAN_CACHE: "declare functions that read settings STABLE, so that no kept plan holds their value",
    Cause.TRANSACTION_FRAMING: "see that pooler and gateway keep each transaction on one backend to its end",
    Cause.POLICY: "mend the policy, view, grant, function or trigger that is named above: it leaks without any load",
    Cause.GATEWAY: (
        "let the gateway keep answers apart by the Authorization header, or keep none, and send each request with its "
        "own token"
    ),
    Cause.TOKEN: "see how the target checks tokens, and for how long it remembers them",
    Cause.DRIFT: "see what changed the tables during the run, and run again without it",
}
"""What to do against each cause."""

_CUT_SHORT: Final = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)


class Step(NamedTuple):
    """Something to do.

    Attributes:
        text: What, in a sentence.
        command: What does it; empty where no command does.
        by_page: Whether it takes the HTML page, which says the same by being there.
    """

    text: str
    command: str = ""
    by_page: bool = False

    def __str__(self) -> str:
        return f"{self.text}: {self.command}" if self.command else self.text


def next_steps(summary: Summary, findings: Sequence[StoredFinding], folder: Path) -> Iterator[Step]:
    """Yield what to do next, the most useful first."""
    if findings:
        yield from _mend(findings, folder)
    elif summary["exit_code"] in _CUT_SHORT:
        yield Step("run it to its end: what came until now was judged, and is no verdict on the rest")
    elif summary["verdict"] == "inconclusive":
        yield from _see_more(summary)
    elif summary["exit_code"] == ExitCode.THRESHOLD:
        yield _page("see in which second it began", folder)
        yield Step("and since which run", f"{quoted(program())} compare BASE {quoted(str(folder))}")
    else:
        yield Step("keep this run, and hold the next one against it", f"{_command('compare', folder)} NEXT")


def _mend(findings: Sequence[StoredFinding], folder: Path) -> Iterator[Step]:
    first = findings[0]
    firsts: dict[str, str] = {}  # of each cause
    for finding in findings:
        firsts.setdefault(finding["cause"], finding["id"])
    yield from (Step(f"{named}: {MENDS[cause]}") for cause, named in firsts.items() if cause in MENDS)
    shown = next((finding["reproduction"] for finding in findings if finding["reproduction"] is not None), None)
    if shown is not None:
        yield Step("then run this again, until it is green", _command("run", folder / shown["scenario"]))
    elif first["cause"] == Cause.UNDETERMINED:
        yield Step(f"{first['id']}: repeat the exchange above, alone and then under load, to see what it takes")
    yield _page("everything on one page", folder)


def _see_more(summary: Summary) -> Iterator[Step]:
    yield Step("mend what the reasons at the top name, and run again: until then this run proves nothing")
    if summary["coverage"]["handoffs"] is None:
        how = f"{quoted(program())} doctor SCENARIO --install-stamp"
        yield Step("let the target's answers tell their backend", how)
    if summary["exchanges"]["unknown"] * 10 > summary["exchanges"]["sent"]:
        yield Step(
            "most of what is unknown is told under 'answers': begin with a lower load, or a longer target.timeout"
        )


def _page(why: str, folder: Path) -> Step:
    return Step(why, f"{_command('report', folder)} --html run.html", by_page=True)


def _command(name: str, path: Path) -> str:
    return f"{quoted(program())} {name} {quoted(str(path))}"
