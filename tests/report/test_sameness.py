"""Whom a run could not tell apart, as a table."""

import io

from rich.console import Console, Group

from loadcheck.record.stored import StoredAlike
from loadcheck.report.sameness import told_alike


def alike(request: str, *mixes: str) -> StoredAlike:
    return {"request": request, "claim_mixes": list(mixes), "share": 1.0, "why": "both expect the same"}


def test_claim_mixes_with_long_names_that_begin_alike_keep_rows_of_their_own() -> None:
    long = "by-app_metadata_tenant_id"
    found = [alike("list", "[red]a", long), alike("list", "[red]a", f"{long}-and-role"), alike("one", "[red]a", long)]
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as capture:
        console.print(Group(*told_alike(found)), highlight=False)
    text = capture.get()
    assert text.count("[red]a +") == 2
    assert text.count("list, one") == 1
