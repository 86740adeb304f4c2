"""What is odd, and right all the same: not one violation, and nothing left unknown."""

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
