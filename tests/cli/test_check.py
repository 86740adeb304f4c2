from pathlib import Path

import pytest

from tests.cli.command import SCENARIOS, loadcheck
from tests.scenario.files import MINIMAL


def test_a_scenario_without_mistakes_is_summed_up(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        MINIMAL
        + "  - {name: other, head: /p, expect: {status: 200}}\n"
        + "load:\n  - {name: w, concurrency: 1, duration: 500ms}\n  - {name: p, rate: 5/s, requests: 6000}\n"
    )
    ended = loadcheck("check", "s.yaml", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "s.yaml: ok\n  3 identities from 1 claim mix, 2 requests\n  2 phases: w (0.5 s), p (6,000 requests)\n"
    )


def test_every_mistake_is_told_at_once_where_editors_find_it(tmp_path: Path) -> None:
    text = MINIMAL.replace("count", "cuont") + "\n" * 94 + "thresholds: {p98: 1s}\n"
    (tmp_path / "s.yaml").write_text(text)
    ended = loadcheck("check", "s.yaml", "--set", "load.0.name=x", "--set", "name=", cwd=tmp_path)
    assert (ended.code, ended.out) == (4, "")
    assert ended.err.splitlines() == [
        "loadcheck: 4 mistakes in the scenario",
        "s.yaml:3:20: unknown key `cuont`",
        "    did you mean `count`?",
        "s.yaml:100:14: unknown key `p98`",
        "    did you mean `p99`?",
        "--set load.0.name: `load` must be a list, not a mapping",
        "    a list of one is written [ … ], or as a line that begins with `- `",
        "--set name: `name` must be longer: it is empty",
    ]


@pytest.mark.parametrize("setting", ["nothing", "=x", ""])
def test_a_setting_that_is_none(setting: str) -> None:
    ended = loadcheck("check", SCENARIOS / "pets.yaml", "--set", setting)
    assert ended.code == 4
    assert "KEY=VALUE" in ended.err


def test_no_value_is_shown_that_may_be_secret(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        MINIMAL + 'target: {url: "ftp://SECRET", jwt: {secret: [SECRET], ttl: SECRET}, headers: {a: [SECRET]}}\n'
    )
    ended = loadcheck("check", "s.yaml", "--set", "target.database.x=SECRET", cwd=tmp_path)
    assert ended.code == 4
    assert "SECRET" not in ended.text


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "pets.yaml").write_text(MINIMAL)
    ended = loadcheck("check", "pet.yaml", cwd=tmp_path)
    assert ended.code == 4
    assert ended.err == "loadcheck: 1 mistake in the scenario\npet.yaml: no such file\n    did you mean `pets.yaml`?\n"
