"""Matrices of claim mixes as pictures: each cell has its number, and a shade by its weight."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from loadcheck.record.stored import StoredAlike, Summary
from loadcheck.report.figures import amount, share

_MOST: Final = 24  # rows and columns
_FAINTEST: Final = 0.12


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        text: What stands in it.
        shade: From 0 to 1.
        bad: Whether it shows a blind spot.
        told: The whole of it in words.
    """

    text: str
    shade: float = 0.0
    bad: bool = False
    told: str = ""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix; `left_out` tells how many rows and columns there was no room for."""

    rows: Sequence[str]
    columns: Sequence[str]
    cells: Sequence[Sequence[Cell]]
    left_out: int

    @classmethod
    def of(
        cls, rows: Iterable[str], columns: Iterable[str], cells: Mapping[tuple[str, str], Cell], empty: Cell
    ) -> Self:
        """Put cells in their places."""
        down, across = list(rows), list(columns)
        left_out = max(len(down) - _MOST, 0) + max(len(across) - _MOST, 0)
        down, across = down[:_MOST], across[:_MOST]
        placed = [[cells.get((row, column), empty) for column in across] for row in down]
        return cls(down, across, placed, left_out)


def handoffs(summary: Summary) -> Matrix | None:
    """Return how often a backend went from one claim mix, the row, to another, the column; None if not known."""
    pairs = summary["coverage"]["pairs"]
    if not pairs:
        return None
    most = max(pair["handoffs"] for pair in pairs)
    cells = {
        (pair["source"], pair["victim"]): Cell(
            amount(pair["handoffs"]),
            _shade(pair["handoffs"], most),
            told=f"{pair['source']}, then {pair['victim']}: {amount(pair['handoffs'])} handoffs",
        )
        for pair in pairs
    }
    handed = {mix for mixes in cells for mix in mixes}
    mixes = [mix for mix in summary["claim_mixes"] if mix in handed]
    return Matrix.of(mixes, mixes, cells, Cell("none", told="no handoff"))


def checked(summary: Summary) -> Matrix:
    """Return how many answers of each request to each claim mix were checked."""
    counts = {(pair["request"], pair["identity"]): pair["ok"] + pair["violation"] for pair in summary["pairs"]}
    sent = {(pair["request"], pair["identity"]): pair["sent"] for pair in summary["pairs"]}
    most = max(counts.values(), default=0)
    cells = {
        pair: Cell(amount(count), _shade(count, most))
        if count
        else Cell("none checked", bad=True, told=f"{amount(sent[pair])} sent, none checked")
        for pair, count in counts.items()
    }
    return Matrix.of(summary["requests"], summary["claim_mixes"], cells, Cell("", told="never asked"))


def alike(summary: Summary) -> Matrix | None:
    """Return which pairs of identities no answer, or not every answer, could tell apart; None where all could be."""
    if not summary["alike"]:
        return None
    by_mixes: dict[tuple[str, str], list[StoredAlike]] = {}
    for one in summary["alike"]:
        first, second = (one["claim_mixes"] * 2)[:2]
        by_mixes.setdefault((first, second), []).append(one)
        if first != second:
            by_mixes.setdefault((second, first), []).append(one)
    cells = {mixes: _alike(found) for mixes, found in by_mixes.items()}
    mixes = summary["claim_mixes"]
    return Matrix.of(mixes, mixes, cells, Cell("told apart", told="every request tells them apart"))


def _alike(found: Sequence[StoredAlike]) -> Cell:
    """Word the blindest of what was found about two claim mixes."""
    by_any = [one for one in found if one["request"] is None]
    worst = max(one["share"] for one in by_any or found)
    where = "by no request" if by_any else f"not by {', '.join(str(one['request']) for one in found)}"
    return Cell(f"{share(worst)} {where}", worst, bad=bool(by_any), told="; ".join(one["why"] for one in found))


def _shade(count: int, most: int) -> float:
    """Return a shade that tells much from little, and the rarest still from none."""
    return round(_FAINTEST + (1 - _FAINTEST) * math.sqrt(count / most), 2) if count else 0.0
