from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.scenario.placeholders import Template, fill_value, text, value_names

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("source", "filled"),
    [
        ("/pets?id=eq.{id}", "/pets?id=eq.7"),
        ("{id}{id}-{key}", "77-k"),
        ("tags=cs.{a,b}", "tags=cs.{a,b}"),
        ("tags=cs.{ id }", "tags=cs.{ id }"),
        ("{} {1} {a-b} { } }{", "{} {1} {a-b} { } }{"),
        ("{{id}}", "{id}"),
        ("tags=cs.{{{id}}}", "tags=cs.{7}"),
        ("{{id},{key}}", "{7,k}"),
        ("{{1,2},{3,4}}", "{{1,2},{3,4}}"),
        ('{"a":{"b":"{key}"}}', '{"a":{"b":"k"}}'),
        ("missing: {nobody}.", "missing: ."),
        ("none: {none}.", "none: ."),
        ("{yes} {list}", 'true [1,"é"]'),
    ],
)
def test_only_an_identifier_in_single_braces_is_a_placeholder(source: str, filled: str) -> None:
    values = {"id": 7, "key": "k", "none": None, "yes": True, "list": [1, "é"]}
    assert Template(source).fill(values) == filled


def test_names_are_those_that_would_be_filled() -> None:
    assert Template("{a}{b}{{c}}{{{d}}}{a} {e,f}").names == {"a", "b", "d"}
    assert value_names({"x": ["{a}", {"y": "z{b}"}], "{k}": 1, "n": None}) == {"a", "b"}


def test_values_are_quoted_and_the_text_around_them_is_not() -> None:
    values = {"id": "a b&c={x}/é"}
    assert Template("/p?id=eq.{id}&o=a b").fill(values, lambda value: quote(value, safe="")) == (
        "/p?id=eq.a%20b%26c%3D%7Bx%7D%2F%C3%A9&o=a b"
    )


def test_a_text_that_is_one_placeholder_keeps_the_type() -> None:
    values: dict[str, Any] = {"id": 7, "on": True, "tags": ["a"], "none": None}
    template = {
        "id": "{id}",
        "t": "#{id}",
        "deep": [{"on": "{on}"}, "{tags}", "{none}", "{nobody}", "x{nobody}"],
        "n": 1,
    }
    assert fill_value(template, values) == {"id": 7, "t": "#7", "deep": [{"on": True}, ["a"], None, None, "x"], "n": 1}


def test_what_is_filled_in_is_not_a_template_again() -> None:
    assert Template("{a}").fill({"a": "{b}", "b": "no"}) == "{b}"
    assert fill_value(["{a}"], {"a": "{b}", "b": "no"}) == ["{b}"]


@given(NAMES, st.text(alphabet=st.characters(exclude_characters="{}")), st.text())
def test_one_placeholder_in_any_text(name: str, around: str, value: str) -> None:
    assert Template(f"{around}{{{name}}}{around}").fill({name: value}) == around + value + around


@given(st.text())
def test_a_text_without_names_is_itself_or_its_unescaped_self(source: str) -> None:
    template = Template(source)
    if not template.names and "{{" not in source:
        assert template.fill({}) == source


@given(JSON)
def test_a_value_without_braces_stays_as_it_is(value: Any) -> None:
    if "{" not in text(value):
        assert fill_value(value, {}) == value


@given(NAMES, JSON)
def test_any_value_passes_whole(name: str, value: Any) -> None:
    assert fill_value({"x": f"{{{name}}}"}, {name: value}) == {"x": value}
