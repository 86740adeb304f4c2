"""A comparison for people: on the terminal, and as Markdown."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from loadcheck.report.compare.comparison import Change, Comparison, Measured
from loadcheck.report.figures import milliseconds, rate, share
from loadcheck.report.formats.markdown import escaped, table
from loadcheck.report.tables import table_of
from loadcheck.report.text import cut, plain

_STYLES: Final = {
    Change.WORSE: "bold red",
    Change.BETTER: "green",
    Change.SAME: "",
    Change.UNKNOWN: "yellow",
    Change.BUSY: "yellow",
}
_SIGNS: Final = {Change.WORSE: "❌", Change.BETTER: "✅", Change.SAME: "", Change.UNKNOWN: "⚠️", Change.BUSY: "⚠️"}
_WORDS: Final = {
    Change.WORSE: "worse",
    Change.BETTER: "better",
    Change.SAME: "no clear change",
    Change.UNKNOWN: "too short to tell",
    Change.BUSY: "machine too busy",
}
_UNCERTAIN: Final = "too uncertain"
_SPARSE: Final = "too few answers"
_HEAD: Final = ("figure", "base", "run", "change", "95 % interval", "")
_NAME: Final = 20  # cells of a phase
_TOLD: Final = 1.5  # times; a smaller slowdown changes nothing that could be told


def comparison_report(comparison: Comparison) -> RenderableType:
    """Return the comparison for a console of 80 columns or any other width."""
    parts: list[RenderableType] = [_headline(comparison)]
    if sentences := [plain(f"  {line}") for line in _sentences(comparison)]:
        parts += [Text(""), *sentences]
    for phase, measured in groupby(comparison.measured, attrgetter("phase")):
        parts += [Text(""), *_phase(cut(phase, _NAME), list(measured))]
    return Group(*parts)


def comparison_markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown, for the comment of a pull request."""
    sign = "❌" if comparison.regressed else "✅" if comparison.conclusive else "⚠️"
    rows = [
        [cut(each.phase, _NAME), *_cells(each), f"{_SIGNS[each.change]} {_told(each)}"] for each in comparison.measured
    ]
    sentences = "\n".join(f"- {escaped(line)}" for line in _sentences(comparison))
    parts = [f"### {sign} loadcheck compare: {_conclusion(comparison)}", sentences, table(("phase", *_HEAD), rows)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _headline(comparison: Comparison) -> Text:
    style = "bold red" if comparison.regressed else "bold green" if comparison.conclusive else "bold yellow"
    return Text.assemble(("compare: ", "bold"), (_conclusion(comparison), style))


def _conclusion(comparison: Comparison) -> str:
    if comparison.regressed:
        return "worse than the base"
    if any(each.change is Change.BUSY for each in comparison.measured):
        return "not to be told: the machine was too busy with other things"
    if any(each.uncertain for each in comparison.measured):
        return "too uncertain to tell: run longer"
    if not comparison.conclusive:
        return "too short to tell: run longer"
    return f"no regression beyond noise and {share(comparison.tolerance)}"


def _sentences(comparison: Comparison) -> Iterator[str]:
    yield from (f"not alike: {sentence}" for sentence in comparison.unlike)
    yield from (f"new: {headline}" for headline in comparison.new)
    yield from (f"gone: {headline}" for headline in comparison.gone)
    for name, (before, after) in comparison.coverage.items():
        yield f"covers less: {after:,} {name.replace('_', ' ')}, where the base has {before:,}"
    for phase, (base, run) in comparison.slowdown.items():
        if max(base, run) > _TOLD:
            yield (
                f"{phase}: others had the processor, so that loadcheck's own work took {run:.1f} times as long,"
                f" and {base:.1f} times in the base"
            )


def _phase(name: str, measured: Sequence[Measured]) -> Iterator[RenderableType]:
    """Yield what is told of a phase: a line where it was too short, its table otherwise."""
    if all(each.effect is None for each in measured):
        yield Text.assemble(plain(name, "bold"), ": ", (_WORDS[Change.UNKNOWN], _STYLES[Change.UNKNOWN]))
        return
    yield plain(name, "bold")
    made = table_of(*_HEAD)
    for each in measured:
        made.add_row(*map(plain, _cells(each)), Text(_told(each), style=_STYLES[each.change]))
    yield made


def _told(measured: Measured) -> str:
    if measured.effect is None:
        return _SPARSE
    return _UNCERTAIN if measured.uncertain else _WORDS[measured.change]


def _cells(measured: Measured) -> list[str]:
    shown: Callable[[float | None], str] = rate if measured.name == "throughput" else milliseconds
    found = measured.effect
    change = (
        ["-", "-"]
        if found is None
        else [f"{_signed(found.value)} %", f"{_signed(found.low)} to {_signed(found.high)} %"]
    )
    return [measured.name, shown(measured.base), shown(measured.run), *change]


def _signed(part: float) -> str:
    return f"{part * 100:+,.1f}"
