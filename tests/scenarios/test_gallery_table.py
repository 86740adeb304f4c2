"""The table of the gallery holds each source against what the wrong answer itself tells."""

from typing import cast

import pytest

from loadcheck.record.stored import StoredFinding
from tests.scenarios.gallery_table import Leak


def finding(count: int, source: str, **more: object) -> StoredFinding:
    """Return a finding of a run, as far as the table reads it."""
    who = {name: {"label": name, "claims": {"user_type": name}} for name in ("keeper-1", "keeper-2", "keeper-3")}
    of = {
        "symptom": "altered-rows",
        "cause": "session-state",
        "request": "list",
        "count": count,
        "source": who.get(source),
        "victim": who["keeper-1"],
        "seq": 4,
        "reason": "",
        "reasoning": [],
        "reproduction": None,
        "evidence": {"received": []},
    }
    return cast("StoredFinding", {**of, **more})


@pytest.mark.parametrize(
    "told",
    [
        {"symptom": "swapped", "evidence": {"received": ['{"keeper": "keeper-2"}']}},
        {"reason": "header X-Keeper is 'keeper-2', expected absent"},
        {"evidence": {"received": ['{"id":1,"at":"2026-01-01T03:00:00+02:00"}']}},
    ],
    ids=["rows", "header", "zone"],
)
def test_a_source_is_right_only_where_the_answer_tells_the_same(told: dict[str, object]) -> None:
    assert Leak.of([finding(1, "keeper-2", **told)]).source_right
    assert not Leak.of([finding(1, "keeper-3", **told)]).source_right


def test_the_finding_that_names_the_source_is_told_where_it_is_another() -> None:
    often, rare = finding(9, "", symptom="wrong-status"), finding(1, "keeper-2")
    assert (Leak.of([rare, often]).source, Leak.of([rare, often]).source_of) == ("keeper-2", "altered-rows, list")
    assert Leak.of([rare]).source_of == ""
