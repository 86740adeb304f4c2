"""What `make gallery` has found, as reports/examples/gallery.md: `python -m tests.scenarios.gallery_table`.

The tests of the gallery run in several processes, in any order, and may be run in parts. Each leaves what it has seen
in a file of its own in `.gallery`; the table is made of these once there are all of them.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from loadcheck.record.stored import StoredFinding
from loadcheck.report.formats.markdown import table
from loadcheck.selftest.expected import Expected
from tests.cli.command import REPOSITORY
from tests.gallery import LEAKS

FOLDERS: Final = sorted(path.parent for path in LEAKS.glob("*/leak.yaml"))
_SEEN: Final = REPOSITORY / ".gallery"
_TABLE: Final = REPOSITORY / "reports" / "examples" / "gallery.md"

_HEAD: Final = (
    "leak",
    "expected symptom",
    "found",
    "expected cause",
    "found",
    "source",
    "at fault",
    "first at exchange",
    "reproduction",
    "twin",
)
_TEXT: Final = """# The gallery of leaks

Every leak of `scenarios/leaks` and its repaired twin, run by `make gallery` with seed 1: what must be found, what was
found most often, at which exchange the first violation came, and the fewest exchanges that show it again (each was
replayed: red on the leak, green on the twin). Where the reproduction is `-`, none is asked for: `expected.yaml` of the
leak says why. The source is that of what was found most often; where this has none, as an answer that was made with
lost settings was made with nobody's, that of the finding told beside it. It is held against the rows, the header (A4)
or the time zone (D6) that was received, wherever these tell whose they are; the errors of D5 do not.

"""


@dataclass(frozen=True, slots=True)
class Leak:
    """What was seen of a leak.

    Attributes:
        symptom: The symptom of what was found most often; empty when nothing was.
        cause: Its cause.
        source: Who is named by what was found most often among that which names a source; empty when nobody is.
        source_of: The symptom and request of that, where it is not what was found most often; else empty.
        source_right: Whether every source that is named may be one.
        first: The first wrong exchange, counted from 1; 0 when there was none.
        reproduction: The fewest exchanges that show it again; empty when none were found.
        reasoning: That of what was found most often.
    """

    symptom: str = ""
    cause: str = ""
    source: str = ""
    source_of: str = ""
    source_right: bool = True
    first: int = 0
    reproduction: str = ""
    reasoning: str = ""

    @classmethod
    def of(cls, findings: Sequence[StoredFinding]) -> Self:
        """Read it from the findings of a run."""
        if not findings:
            return cls()
        found, *_ = often = sorted(findings, key=lambda each: each["count"], reverse=True)
        sourced = next((each for each in often if each["source"]), None)
        shown = next((each["reproduction"] for each in findings if each["reproduction"]), None)
        return cls(
            symptom=found["symptom"],
            cause=found["cause"],
            source=sourced["source"]["label"] if sourced and sourced["source"] else "",
            source_of=f"{sourced['symptom']}, {sourced['request']}" if sourced and sourced is not found else "",
            source_right=all(map(_may_be_the_source, findings)),
            first=min(each["seq"] for each in findings) + 1,
            reproduction=_length(shown["exchanges"], shown["repeat"], shown["concurrency"]) if shown else "",
            reasoning="\n".join(found["reasoning"]),
        )

    def names(self, culprit: str) -> bool:
        """Whether the reasoning names what is at fault."""
        return culprit in self.reasoning

    def keep(self, leak: str) -> None:
        """Leave it for the table."""
        _keep(f"{leak}.leak", asdict(self))


@dataclass(frozen=True, slots=True)
class Twin:
    """How many answers of a repaired twin were right, and how many wrong."""

    ok: int
    violation: int

    def keep(self, leak: str) -> None:
        """Leave it for the table."""
        _keep(f"{leak}.twin", asdict(self))


def write(leaks: dict[str, Leak], twins: dict[str, Twin], path: Path = _TABLE) -> None:
    """Write the table of the whole gallery, and what it comes to."""
    expected = {name: Expected.of(LEAKS / name) for name in leaks}
    rows = [_row(name, expected[name], leaks[name], twins[name]) for name in sorted(leaks)]
    foot = "".join(f"* {line}\n" for line in _numbers(expected, leaks, twins))
    path.write_text(f"{_TEXT}{table(_HEAD, rows)}\n\n{foot}", encoding="utf-8")


def _row(name: str, expected: Expected, leak: Leak, twin: Twin) -> list[str]:
    return [
        name,
        " or ".join(sorted(expected.symptoms)),
        leak.symptom or "nothing",
        expected.cause,
        leak.cause or "-",
        _source(leak) or ("not named" if expected.source else "none"),
        (expected.named if leak.names(expected.named) else "not named") if expected.named else "-",
        f"{leak.first:,}" if leak.first else "-",
        leak.reproduction or ("none found" if expected.reproduced else "-"),
        f"clean, {twin.ok:,} checked" if not twin.violation else f"{twin.violation:,} violations",
    ]


def _source(leak: Leak) -> str:
    return f"{leak.source} (of {leak.source_of})" if leak.source_of else leak.source


def _numbers(expected: dict[str, Expected], leaks: dict[str, Leak], twins: dict[str, Twin]) -> Iterable[str]:
    found = [name for name, leak in leaks.items() if leak.symptom in expected[name].symptoms]
    explained = [name for name in found if leaks[name].cause == expected[name].cause]
    sources = [name for name in leaks if expected[name].source]
    right = [name for name in sources if leaks[name].source and leaks[name].source_right]
    faulty = [name for name in leaks if expected[name].named]
    named = [name for name in faulty if leaks[name].names(expected[name].named)]
    asked = [name for name in leaks if expected[name].reproduced]
    shown = [name for name in asked if leaks[name].reproduction]
    yield f"leaks detected: {_part(found, leaks)}"
    yield f"cause right: {_part(explained, leaks)}"
    yield f"source right wherever there is one: {_part(right, sources)}"
    yield f"function, policy, view or table at fault named wherever there is one: {_part(named, faulty)}"
    yield f"minimal reproduction found where one is asked for: {_part(shown, asked)}"
    checked = sum(twin.ok + twin.violation for twin in twins.values())
    yield f"violations of the twins: {sum(twin.violation for twin in twins.values()):,} in {checked:,} answers checked"


def _part(part: Sequence[str], whole: Iterable[str]) -> str:
    count = len(list(whole))
    return f"{len(part)} of {count} ({len(part) / count:.0%})"


def _may_be_the_source(finding: StoredFinding) -> bool:
    """Whether the source named is somebody else, and whoever the wrong answer itself tells."""
    source = finding["source"]
    if source is None:
        return True
    told = {*_by_rows(finding), *_by_header(finding), *_by_zone(finding)}
    return source["claims"] != finding["victim"]["claims"] and told <= {source["claims"].get("user_type")}


def _by_rows(finding: StoredFinding) -> Iterable[str]:
    """Return whose the rows are, where the whole answer is somebody else's."""
    rows = map(json.loads, finding["evidence"]["received"] if finding["symptom"] == "swapped" else [])
    return [row["keeper"] for row in rows if "keeper" in row]


def _by_header(finding: StoredFinding) -> Iterable[str]:
    return re.findall(r"header X-Keeper is '(keeper-\d)'", finding["reason"])


def _by_zone(finding: StoredFinding) -> Iterable[str]:
    """Return whose time zone moments are told in: that of keeper-1 is an hour east of Greenwich."""
    zones = [re.search(r"\+0([1-9]):00\"", row) for row in finding["evidence"]["received"]]
    return [f"keeper-{zone[1]}" for zone in zones if zone]


def _length(exchanges: int, repeat: int, concurrency: int) -> str:
    crowd = f", {repeat} times by {concurrency} clients" if concurrency > 1 else ""
    return f"{exchanges}{crowd}"


def _keep(name: str, seen: dict[str, object]) -> None:
    _SEEN.mkdir(exist_ok=True)
    (_SEEN / f"{name}.json").write_text(json.dumps(seen), encoding="utf-8")


def _kept(leak: Path, what: str) -> dict[str, object]:
    file = _SEEN / f"{leak.name}.{what}.json"
    if not file.exists():
        sys.exit(f"{_TABLE} is as it was: no test has told of {leak.name}/{what} yet; run the whole gallery")
    read: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    return read


if __name__ == "__main__":
    write(
        {folder.name: Leak(**_kept(folder, "leak")) for folder in FOLDERS},  # type: ignore[arg-type]
        {folder.name: Twin(**_kept(folder, "twin")) for folder in FOLDERS},  # type: ignore[arg-type]
    )
