import cProfile
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from loadcheck.scenario.load import load
from loadcheck.scenario.problems import ScenarioError
from tests.scenario.files import MINIMAL, loaded, told

T = TypeVar("T")

IDENTITIES = "name: x\nidentities:\n  - name: a\n    claims:\n"
REQUESTS = "requests:\n  - {name: r, get: /p, expect: {status: 200}}\n"


def claims(folder: Path, written: str) -> dict[str, object]:
    lines = "".join(f"      {line}\n" for line in written.splitlines())
    return loaded(folder, IDENTITIES + lines + REQUESTS).scenario.identities[0].claims


def test_words_that_yaml_1_1_would_change_stay_what_they_look_like(tmp_path: Path) -> None:
    written = "{a: no, b: on, c: 010, d: 1:30, e: 2026-01-01, f: 0x1F, g: 1_000, h: .inf, off: 1, 5: y, null: z}"
    assert claims(tmp_path, written) == {
        "a": "no",
        "b": "on",
        "c": "010",
        "d": "1:30",
        "e": "2026-01-01",
        "f": "0x1F",
        "g": "1_000",
        "h": ".inf",
        "off": 1,
        "5": "y",
        "null": "z",
    }


def test_json_is_read_as_json(tmp_path: Path) -> None:
    written = '{"a": true, "b": null, "c": -1, "d": 1.5e3, "e": "true", "f": 123456789012345678901, "g": [{}, []]}'
    assert claims(tmp_path, written) == {
        "a": True,
        "b": None,
        "c": -1,
        "d": 1500.0,
        "e": "true",
        "f": 123456789012345678901,
        "g": [{}, []],
    }


def test_yes_and_no_will_do_where_true_and_false_are_wanted(tmp_path: Path) -> None:
    phases = "load:\n  - {name: a, concurrency: 1, requests: 1, measure: no}\n  - {name: b, rate: 5/s, duration: 1s}\n"
    assert [phase.measure for phase in loaded(tmp_path, MINIMAL + phases).scenario.load] == [False, True]


def test_a_number_that_would_not_be_exact_is_refused(tmp_path: Path) -> None:
    text = IDENTITIES + "      a: 12345678901234567890.1234567890\n" + REQUESTS
    (one,) = told(tmp_path, text)
    assert one.startswith("scenario.yaml:5:10: this number has more digits than can be held exactly")
    assert one.endswith("quote it where text will do, or let SQL give it")


@pytest.mark.parametrize("number", ["1e999", "9" * 5000, "0.1" + "0" * 500])
def test_so_is_one_that_is_too_long(tmp_path: Path, number: str) -> None:
    assert "more digits" in told(tmp_path, IDENTITIES + f"      a: {number}\n" + REQUESTS)[0]


def test_aliases_and_merge_keys_work_and_know_their_places(tmp_path: Path) -> None:
    text = (
        "name: x\n"
        "identities:\n"
        "  - &one {name: a, weight: 2, claims: &c {role: r}}\n"
        "  - {<<: *one, name: b}\n"
        "  - {name: c, claims: {<<: [*c, {role: s, more: 1}], n: '{n}'}}\n"
    )
    scenario = loaded(tmp_path, text + REQUESTS).scenario
    assert [mix.weight for mix in scenario.identities] == [2, 2, 1]
    assert scenario.identities[2].claims == {"role": "r", "more": 1, "n": "{n}"}
    assert told(tmp_path, text.replace("weight: 2", "weight: x") + REQUESTS) == [
        "scenario.yaml:3:28: `weight` must be a number, not text"
    ]


UNREADABLE = [
    ("", ": the file is empty", "a scenario begins with `name:`"),
    ("# nothing\n", ": the file is empty", "a scenario begins with `name:`"),
    ("- a\n", ":1:1: a scenario is a mapping (`key: value`)", "it begins with `name:`"),
    ("hello", ":1:1: a scenario is a mapping (`key: value`)", "it begins with `name:`"),
    (
        "a:\n\tb: 1",
        ":2:1: not YAML: found character that cannot start any token",
        "indent with spaces, not tabs; quote what begins with @ % or `",
    ),
    (
        "a: b: c",
        ":1:5: not YAML: mapping values are not allowed in this context",
        "a value with `: ` in it needs quotes; or the indentation is off",
    ),
    (
        "x: 1\na: {b: ${C}}\n",
        ":2:9: not YAML: did not find expected ',' or '}'",
        "within { } a value with , { } or ${…} in it needs quotes",
    ),
    (
        "a: 'x\n",
        ":2:1: not YAML: found unexpected end of stream (in what begins in line 1)",
        "a closing quote is missing",
    ),
    ("a: b\nc: \x01", ":2:4: a control character, which YAML does not allow", "write it as an escape in double quotes"),
    ("a: 1\n---\nb: 1", ":2:1: a second document", "put each scenario into a file of its own"),
    ("[a]: 1", ":1:1: a key must be text", "a text that begins with { or [ needs quotes"),
    ("a: *b", ":1:4: the alias *b names no anchor before it", "a text that begins with * needs quotes"),
    ("b: &one 1\na: *on", ":2:4: the alias *on names no anchor before it", "did you mean *one?"),
    ("a: &a [*a]", ":1:8: the alias *a stands within what it names", "a text that begins with * needs quotes"),
]


@pytest.mark.parametrize(("text", "problem", "hint"), UNREADABLE)
def test_what_cannot_be_read_gets_one_message(tmp_path: Path, text: str, problem: str, hint: str) -> None:
    assert told(tmp_path, text) == [f"scenario.yaml{problem}\n    {hint}"]


def test_tags_and_wrong_merges_are_told(tmp_path: Path) -> None:
    text = MINIMAL.replace("{role: r,", "{role: !!int 5, <<: 7, x: !!str 5,")
    problems = told(tmp_path, text)
    assert problems == [
        "scenario.yaml:3:45: tags such as !!int mean nothing in a scenario\n    leave it out",
        "scenario.yaml:3:58: `<<` merges mappings only\n    give it an alias of a mapping, or a list of them",
    ]


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert "more than 200,000 values, with what aliases repeat" in told(tmp_path, "\n".join(lines))[0]


def test_a_merge_bomb_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(1000)) + "}"]
    lines += [f"a{n}: {{<<: *a0}}" for n in range(1, 2000)]
    assert "more than 200,000 values" in told(tmp_path, "\n".join(lines))[0]


@pytest.mark.parametrize("deep", ["a: " + "[" * 500_000, "a: " + "{b: " * 100_000, "- " * 100_000, "? " * 100_000])
def test_deep_nesting_is_refused(tmp_path: Path, deep: str) -> None:
    problem = told(tmp_path, deep)[0]
    assert "more than 50 levels deep" in problem or "a key must be text" in problem


def test_depth_through_aliases_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 60))]
    assert "more than 50 levels deep" in told(tmp_path, "\n".join(lines))[0]


def test_a_scenario_of_a_megabyte_is_read(tmp_path: Path) -> None:
    text = with_rows(25_000)
    assert len(text) > 1_000_000
    assert len(loaded(tmp_path, text).scenario.requests[0].expect.rows or ()) == 25_000


def test_twice_the_rows_take_twice_the_work(tmp_path: Path) -> None:
    """Counted in calls, which no other load on the machine changes."""
    loaded(tmp_path, with_rows(1))
    few, many = (counted(partial(loaded, tmp_path, with_rows(rows)))[1] for rows in (500, 1_000))
    assert many < 2.2 * few


def with_rows(count: int) -> str:
    rows = "".join(f"        - {{id: {n}, name: pet {n}, keeper: t-1}}\n" for n in range(count))
    request = "name: list\n    get: /pets\n    expect:\n      rows:\n"
    return MINIMAL.replace("{name: list, get: /pets, expect: {rows: []}}", request) + rows


def counted(work: Callable[[], T]) -> tuple[T, int]:
    """Return what the work comes to, and how many calls it took."""
    profile = cProfile.Profile()
    result = profile.runcall(work)
    return result, sum(entry.callcount for entry in profile.getstats())


def test_more_than_four_megabytes_are_refused(tmp_path: Path) -> None:
    assert "longer than 4 MB" in told(tmp_path, "a: " + "x" * 4_000_000)[0]


def test_twice_the_mistakes_are_told_with_twice_the_work(tmp_path: Path) -> None:
    (_, few), (problems, many) = (counted(partial(told, tmp_path, with_mistakes(wrong))) for wrong in (200, 400))
    assert len(problems) >= 800
    assert many < 2.2 * few


def with_mistakes(count: int) -> str:
    return MINIMAL + "".join(
        f"  - {{name: r{n}, get: /p, bdy: 1, as: [k{n}], expect: {{rows: SELECT :x{n}}}}}\n" for n in range(count)
    )


def test_only_the_first_mistakes_are_printed(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(MINIMAL + "".join(f"k{n}: 1\n" for n in range(60)))
    with pytest.raises(ScenarioError) as raised:
        load(tmp_path / "s.yaml")
    assert raised.value.message == "60 mistakes in the scenario"
    assert raised.value.advice.endswith("… and 10 more")


def test_files_that_cannot_be_scenarios(tmp_path: Path) -> None:
    (tmp_path / "pets.yaml").write_text(MINIMAL)
    (tmp_path / "latin.yaml").write_bytes(b"name: a\nb: caf\xe9\n")
    (tmp_path / "link.yaml").symlink_to("gone/pets.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, problem in {
        "pet.yaml": f"{tmp_path}/pet.yaml: no such file\n    did you mean `pets.yaml`?",
        "link.yaml": f"{tmp_path}/link.yaml: no such file\n    it is a link to gone/pets.yaml, which is not there",
        "nothing/like.it": f"{tmp_path}/nothing/like.it: no such file",
        ".": f"{tmp_path}: a folder, not a scenario\n    name the .yaml file in it",
        "pets.yaml/x": f"{tmp_path}/pets.yaml/x: cannot be read: Not a directory",
        "nul\0": f"{tmp_path}/nul\0: cannot be read: not the name of a file",
        "pipe.yaml": f"{tmp_path}/pipe.yaml: a pipe, not a file\n    save what it gives as a file, and name that",
        "zero.yaml": f"{tmp_path}/zero.yaml: a device, not a file\n    save what it gives as a file, and name that",
        "latin.yaml": f"{tmp_path}/latin.yaml:2:7: not UTF-8\n    save the file as UTF-8",
    }.items():
        with pytest.raises(ScenarioError) as raised:
            load(tmp_path / name)
        assert raised.value.advice == problem


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert load(path).scenario.name == "minimal"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").replace("count", "cont").encode())
    with pytest.raises(ScenarioError) as raised:
        load(path)
    assert raised.value.problems[0].place.line == 3
