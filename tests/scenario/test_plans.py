"""Phases that list their exchanges."""

from pathlib import Path

import pytest

from tests.scenario.files import loaded, told

HEAD = """\
name: x
identities:
  - {name: a, count: 2, claims: {role: r}}
  - {name: b, claims: {role: r}}
requests:
  - {name: list, get: "/p?id=eq.{id}", vars: {id: {int: [1, 9]}}, expect: {status: 200}}
  - {name: own, get: /p, as: [b], expect: {status: 200}}
"""


def phase(exchange: str, more: str = "concurrency: 1") -> str:
    return f"{HEAD}load: [{{name: p, {more}, exchanges: [{exchange}]}}]\n"


def test_a_phase_has_its_exchanges_as_often_as_it_says(tmp_path: Path) -> None:
    text = phase(
        "{identity: a#2, request: list, vars: {id: 7}}, {identity: b, request: own}", "concurrency: 1, repeat: 3"
    )
    scenario = loaded(tmp_path, text).scenario
    assert scenario.planned
    assert scenario.load[0].budget == 6


@pytest.mark.parametrize(
    ("exchange", "problem"),
    [
        ("{identity: c, request: list}", "no identity is called `c`\n    known here: a, b"),
        ("{identity: a, request: list}", "no identity is called `a`\n    there is a#1 to a#2"),
        ("{identity: 'a#3', request: list}", "no identity is called `a#3`\n    there is a#1 to a#2"),
        ("{identity: 'b#2', request: list}", "no identity is called `b#2`\n    there is b"),
        ("{identity: b, request: lists}", "no request is called `lists`\n    did you mean `list`?"),
        (
            "{identity: b, request: list, vars: {ids: 1}}",
            "request `list` has no variable `ids`\n    did you mean `id`?",
        ),
        ("{identity: 'a#1', request: own}", "`a` does not send `own`\n    it is sent as b"),
    ],
)
def test_what_is_not_there_is_told(exchange: str, problem: str, tmp_path: Path) -> None:
    problems = told(tmp_path, phase(exchange))
    assert len(problems) == 1
    assert problems[0].partition(": ")[2].startswith(problem), problems


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("rate: 5/s", "exchanges go with concurrency, not with rate"),
        ("concurrency: 1, requests: 5", "give duration or requests, or list exchanges"),
    ],
)
def test_what_does_not_go_together_is_told(more: str, problem: str, tmp_path: Path) -> None:
    assert problem in "\n".join(told(tmp_path, phase("{identity: b, request: own}", more)))


def test_listed_and_drawn_exchanges_do_not_mix(tmp_path: Path) -> None:
    text = f"{phase('{identity: b, request: own}')[:-2]}, {{name: q, concurrency: 1, requests: 1}}]\n"
    assert "some phases list their exchanges and others do not" in "\n".join(told(tmp_path, text))


def test_files_are_relative_to_the_folder_that_the_stack_names(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.sql").write_text("SELECT 1;")
    scenario = loaded(tmp_path, f"{HEAD}stack: {{folder: elsewhere, sql: [a.sql]}}\n")
    assert scenario.folder == tmp_path / "elsewhere"
