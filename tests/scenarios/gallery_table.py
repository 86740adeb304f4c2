"""The table of the gallery: what each leak must show beside what was found, as reports/examples/gallery.md."""

from dataclasses import dataclass, field
from pathlib import Path

from loadcheck.record.stored import StoredFinding
from loadcheck.report.formats.markdown import table
from loadcheck.selftest.expected import Expected, main

_HEAD = (
    "leak",
    "expected symptom",
    "found",
    "expected cause",
    "found",
    "source",
    "first at exchange",
    "reproduction",
    "twin",
)
_TEXT = """# The gallery of leaks

Every leak of `scenarios/leaks` and its repaired twin, run by `make gallery` with seed 1: what must be found, what was
found most often, at which exchange the first violation came, and the fewest exchanges that show it again (each was
replayed: red on the leak, green on the twin).

"""


@dataclass
class GalleryTable:
    """Rows as the tests go on."""

    leaks: dict[str, list[str]] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)

    def leak(self, folder: Path, findings: list[StoredFinding]) -> None:
        """Take what was found of a leak."""
        expected = Expected.of(folder)
        found = next(each for each in findings if each["id"] == main(findings)["id"])
        shown = next((each["reproduction"] for each in findings if each["reproduction"]), None)
        self.leaks[folder.name] = [
            folder.name,
            " or ".join(sorted(expected.symptoms)),
            found["symptom"],
            expected.cause,
            found["cause"],
            _source(expected, found),
            f"{min(each['seq'] for each in findings) + 1:,}",
            "-" if shown is None else _length(shown["exchanges"], shown["repeat"], shown["concurrency"]),
        ]

    def twin(self, folder: Path, checked: int) -> None:
        """Take how many answers of a twin were right, all of them."""
        self.twins[folder.name] = f"clean, {checked:,} checked"

    def write(self, path: Path) -> None:
        """Write the table."""
        rows = [[*row, self.twins[name]] for name, row in sorted(self.leaks.items())]
        path.write_text(_TEXT + table(_HEAD, rows) + "\n", encoding="utf-8")


def _source(expected: Expected, found: StoredFinding) -> str:
    if found["source"] is None:
        return "not named" if expected.source else "none"
    return found["source"]["label"]


def _length(exchanges: int, repeat: int, concurrency: int) -> str:
    crowd = f", {repeat} times by {concurrency} clients" if concurrency > 1 else ""
    return f"{exchanges}{crowd}"
