"""Whom a run could not tell apart, as a small table with what to do about it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from loadcheck.record.stored import StoredAlike
from loadcheck.report.figures import plural, share
from loadcheck.report.tables import table_of
from loadcheck.report.text import cut, plain

_ROWS: Final = 8
_NAME: Final = 20  # cells for a claim mix
_REQUESTS: Final = 38  # cells for the requests
_ADVICE: Final = (
    "Give each of these identities a row of its own, or add a request whose rows",
    "differ between them: where two expect the same, no leak between them can show.",
)

Row = tuple[tuple[str, ...], float]
"""Two claim mixes, or one, and the share of pairs."""


def told_alike(found: Sequence[StoredAlike]) -> Iterator[RenderableType]:
    """Yield the table and the advice; nothing where there is nothing to say."""
    if not found:
        return
    rows: defaultdict[Row, list[str]] = defaultdict(list)
    for one in found:
        rows[tuple(dict.fromkeys(one["claim_mixes"])), one["share"]].append(
            "any request" if one["request"] is None else one["request"]
        )
    table = table_of("identities of", "pairs", "by")
    table.columns[2].justify = "left"
    for (mixes, part), requests in list(rows.items())[:_ROWS]:
        named = " + ".join(cut(name, _NAME) for name in mixes)
        table.add_row(plain(named), share(part), plain(cut(", ".join(requests), _REQUESTS)))
    yield table
    if len(rows) > _ROWS:
        yield Text(f"and {plural(len(rows) - _ROWS, 'more row')}: summary.json", style="dim")
    yield from map(Text, _ADVICE)
