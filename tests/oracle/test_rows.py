import json
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.oracle.rows import digest, parse, row_digest, show

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def same(one: str, other: str) -> bool:
    return row_digest(parse(one)) == row_digest(parse(other))


@given(JSON)
def test_a_row_is_the_same_however_its_json_is_spaced_and_ordered(value: object) -> None:
    spaced = json.dumps(value, indent=3, ensure_ascii=True)
    sorted_ = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert same(spaced, sorted_)


@given(JSON, JSON)
def test_rows_have_the_same_digest_exactly_when_they_are_the_same_value(one: object, other: object) -> None:
    assert same(json.dumps(one), json.dumps(other)) is (kept_apart(one) == kept_apart(other))


def kept_apart(value: object) -> object:
    """Name each value's type, for Python takes True for 1."""
    match value:
        case dict():
            return {key: kept_apart(inner) for key, inner in value.items()}
        case list():
            return [kept_apart(inner) for inner in value]
        case bool() | None | str():
            return type(value), value
        case _:
            return "number", Decimal(json.dumps(value))


@given(st.integers(min_value=2**53, max_value=2**200))
def test_integers_above_2_to_the_53_are_exact(number: int) -> None:
    assert not same(f'{{"n": {number}}}', f'{{"n": {number + 1}}}')


@given(st.integers(min_value=-(10**30), max_value=10**30))
def test_a_numeric_30_10_is_exact(scaled: int) -> None:
    number, next_one = (f"{Decimal(each).scaleb(-10, Context(prec=60)):f}" for each in (scaled, scaled + 1))
    assert not same(number, next_one)
    assert same(f"[{number}]", f"[{number}000]" if "." in number else f"[{number}.0]")


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("1.50", "1.5", True),
        ("1.0", "1", True),
        ("1e3", "1000", True),
        ("true", "1", False),
        ('"1"', "1", False),
        ("null", '"null"', False),
        ("9007199254740993", "9007199254740992", False),
        ("1e400", "1e401", False),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', True),
        ("[1, 2]", "[2, 1]", False),
        ("1" * 5000, "1" * 5000 + ".0", True),
    ],
)
def test_numbers_compare_by_value_and_types_are_kept_apart(one: str, other: str, equal: bool) -> None:  # noqa: FBT001
    assert same(one, other) is equal


@pytest.mark.parametrize("text", ["", "{", "NaN", "[1,]", b"\xff", "[" * 100_000, "<html>"])
def test_what_is_not_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse(text)


def test_numbers_are_shown_as_they_are() -> None:
    assert show(parse('{"n": 1.10, "m": 12345678901234567890.5}')) == '{"n": 1.1, "m": 12345678901234567890.5}'


def test_a_digest_of_text_is_that_of_its_bytes() -> None:
    assert digest("[]") == digest(b"[]")
