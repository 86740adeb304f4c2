"""Who cannot be told apart by which request: worked out before the run, told with advice, and kept."""

import io
from collections import Counter
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from loadcheck.report.end import print_report
from loadcheck.run.preparing.sameness import _compare
from loadcheck.run.run import Ended
from loadcheck.stack.stack import EmbeddedStack
from tests.run.test_run import run

SCENARIO = """
name: alike
identities:
  - {name: keeper, count: 4, claims: {role: role_readwrite, user_type: "tenant-{n}"}}
  - {name: twin, count: 4, claims: {role: role_readwrite, user_type: tenant-1}}
  - {name: no-claim, claims: {role: role_readwrite}}
  - {name: other, claims: {role: role_readwrite, user_type: nobody}}
  - {name: expired, token: expired, claims: {role: role_readwrite}}
requests:
  - name: list
    get: /pets?select=id&order=id
    expect: {rows: "SELECT id FROM pets WHERE keeper = :user_type ORDER BY id"}
  - name: none
    get: /pets?select=name&order=id&limit=1
    as: [keeper]
    expect: {rows: "SELECT name FROM pets WHERE keeper = :user_type AND id < 0"}
  - name: one
    get: /pets?id=eq.{id}&select=id
    vars: {id: {int: [1, 99]}}
    as: [keeper]
    expect: {rows: "SELECT id FROM pets WHERE id = :id::int AND keeper = :user_type"}
  - {name: bare, get: /pets?limit=1, as: [keeper, no-claim], expect: {status: 200}}
"""
FEW = "{name: few, concurrency: 4, requests: 200}"


def printed(ended: Ended) -> str:
    file = io.StringIO()
    print_report(Console(file=file, width=80), ended.summary, ended.findings, ended.folder)
    return file.getvalue()


@given(st.lists(st.sampled_from("abc"), min_size=2), st.lists(st.sampled_from("abc"), min_size=1))
def test_shares_are_those_of_a_naive_count(mine: list[str], theirs: list[str]) -> None:
    across = [one == other for one in mine for other in theirs]
    within = [one == other for one, other in permutations(mine, 2)]
    for pair, others, pairs in (((0, 1), theirs, across), ((0, 0), mine, within)):
        found = _compare(0, pair, Counter(mine), Counter(others))
        assert found is not None
        assert found.share == pytest.approx(sum(pairs) / len(pairs))


async def test_who_expects_the_same_is_told_before_and_after(pets_stack: EmbeddedStack, tmp_path: Path) -> None:
    ended, told = await run(pets_stack, tmp_path, FEW, scenario=SCENARIO)
    found = [(one["request"], one["claim_mixes"], one["share"]) for one in ended.summary["alike"]]
    assert found == [
        ("none", ["keeper", "keeper"], 1.0),
        (None, ["twin", "twin"], 1.0),
        ("list", ["keeper", "twin"], 0.25),
    ]
    assert "cannot be told apart by any request: two of 'twin', for the same answer is expected" in told.steps
    assert "cannot be told apart by request 'none': two of 'keeper', for no rows are expected" in told.steps
    assert any("'keeper' and 'twin' in 25 % of the pairs" in step for step in told.steps)
    report = printed(ended)
    squeezed = [" ".join(line.split()) for line in report.splitlines()]
    assert {"keeper 100 % none", "twin 100 % any request", "keeper + twin 25 % list"} <= {*squeezed}
    assert "a row of its own, or add a request whose rows\ndiffer between them: where" in report
    assert max(map(len, report.splitlines()[:-1])) <= 80
