"""What is odd, and right all the same: not one violation, and nothing left unknown."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import loadcheck, summary
from tests.cli.target import Target, kept

ODD = Path(__file__).parent / "odd" / "odd.yaml"


SAME = """
name: same
identities: [{name: twin, count: 3, claims: {role: role_readwrite, owner: owner-1}}]
requests:
  - name: page
    get: /things?select=id&order=id&offset={skip}
    vars: {skip: {choice: [0, 3, 6]}}
    expect: {rows: "SELECT id FROM things WHERE owner = :owner ORDER BY id OFFSET :skip::int"}
  - name: everything
    get: /things?select=id&order=id
    expect: {rows: "SELECT id FROM things WHERE owner = :owner ORDER BY id", headers: {X-None: null}}
load: [{name: crowd, concurrency: 8, requests: 100}]
"""

# The least change that each kind of column can show.
CHANGED = {
    "exact": "exact + 0.0000000001",
    "whole": "whole + 1",
    "double": "CASE double WHEN 'NaN' THEN 0 ELSE double * (1 + 2.3e-16) + 5e-324 END",
    "single": "CASE single WHEN 'Infinity' THEN 0 ELSE single * 1.0000001::real + 1e-44::real END",
    "plain": "CASE WHEN isfinite(plain) THEN plain + interval '1 microsecond' END",
    "cash": "cash + 0.01::money",
    "place": "row((place).x, (place).y + 0.00000001, (place).label, (place).moment)::spot",
    "several": "several + int4multirange(int4range(-1, 0))",
    "places": "array[null, places[1]]",
    "page": "replace(page::text, ' &', '&')::xml",
    "Ünïcode": '"Ünïcode" || chr(1)',
}


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with kept(ODD) as target:
        yield target


def test_the_same_claims_under_several_names_cannot_show_a_leak_whatever_is_drawn(
    target: Target, tmp_path: Path
) -> None:
    (tmp_path / "same.yaml").write_text(SAME)
    ended = loadcheck("run", tmp_path / "same.yaml", *target.options, "--out", tmp_path / "run")
    assert ended.code == 2, ended.text
    assert "every identity expects the same rows" in " ".join(ended.out.split())


def test_what_is_odd_and_right_passes(target: Target, tmp_path: Path) -> None:
    options = ("--allow-writes", "--seed", 1, "--out", tmp_path / "run")
    ended = loadcheck("run", ODD, *target.options, *options)
    told = summary(tmp_path / "run")
    assert told["findings"] == []
    assert told["exchanges"]["unknown"] == 0
    assert (ended.code, told["verdict"]) == (0, "pass"), ended.text


def test_the_least_change_of_a_value_is_seen(target: Target, tmp_path: Path) -> None:
    requests = [
        {
            "name": column,
            "get": f"/kinds?select=id,{column}&order=id",
            "expect": {"rows": f'SELECT id, {change} AS "{column}" FROM kinds WHERE owner = :owner ORDER BY id'},
        }
        for column, change in CHANGED.items()
    ]
    owner = {"name": "owner", "count": 4, "claims": {"role": "role_readwrite", "owner": "owner-{n}"}}
    load = [{"name": "once", "concurrency": 4, "requests": 150}]
    what = {"name": "changed", "identities": [owner], "requests": requests, "load": load, "hunt": {"share": 0}}
    (tmp_path / "changed.yaml").write_text(json.dumps(what))
    ended = loadcheck("run", tmp_path / "changed.yaml", *target.options, "--out", tmp_path / "run")
    assert ended.code == 1, ended.text
    told = summary(tmp_path / "run")["requests"]
    assert {name: (counts["ok"], counts["unknown"]) for name, counts in told.items()} == dict.fromkeys(CHANGED, (0, 0))
    assert all(counts["violation"] for counts in told.values())
