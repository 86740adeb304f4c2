from contextlib import suppress

import postgast
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.scenario.binding import SqlError, bind

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@pytest.mark.parametrize(
    ("sql", "rendered", "names"),
    [
        ("SELECT 1", "SELECT 1", ()),
        ("SELECT :a", "SELECT ($1::text)", ("a",)),
        ("SELECT :b, :a, :b", "SELECT ($1::text), ($2::text), ($1::text)", ("b", "a")),
        ("id = :id::int AND x=:y", "id = ($1::text)::int AND x=($2::text)", ("id", "y")),
        ("SELECT :claims ->> 'a', :a", "SELECT (($1::text)::jsonb) ->> 'a', ($2::text)", ("claims", "a")),
        ("SELECT ':a', \"x:a\", $$:a$$, $q$ :a $q$, E'\\':a'", None, ()),
        ("SELECT 1 -- :a\n/* :a /* :b */ */", None, ()),
        ("SELECT x::int, y :: text, a[1:n], a[n:m], a[f(x):b]", None, ()),
        ("SELECT ARRAY[:a,:b]", "SELECT ARRAY[($1::text),($2::text)]", ("a", "b")),
        ("SELECT f(a := 1, b => :b)", "SELECT f(a := 1, b => ($1::text))", ("b",)),
        ("SELECT :user, :from, :int", "SELECT ($1::text), ($2::text), ($3::text)", ("user", "from", "int")),
        ("SELECT 'é', é FROM t WHERE é=:é", "SELECT 'é', é FROM t WHERE é=($1::text)", ("é",)),
        ("SELECT : a", None, ()),
        ("SELECT :a;", "SELECT ($1::text) ", ("a",)),
        ("SELECT :a ; -- end; \n", "SELECT ($1::text)   -- end; \n", ("a",)),
    ],
)
def test_binds_are_what_postgresql_lexes_as_such(sql: str, rendered: str | None, names: tuple[str, ...]) -> None:
    bound = bind(sql)
    assert bound.sql == (sql if rendered is None else rendered)
    assert bound.names == names


def test_a_name_can_become_anything_else() -> None:
    bound = bind("SELECT :a, :b::int, :a")
    assert bound.render(lambda name: f'_loadcheck."{name}"') == (
        'SELECT _loadcheck."a", _loadcheck."b"::int, _loadcheck."a"'
    )


@pytest.mark.parametrize(
    ("sql", "offset"), [("SELECT é, 'x", 10), ("/* x", 0), ("SELECT $$x", 7), ("SELECT '\0'", 8), ("SELECT 1a", 7)]
)
def test_what_the_lexer_refuses_is_told_with_its_place(sql: str, offset: int) -> None:
    with pytest.raises(SqlError) as raised:
        bind(sql)
    assert raised.value.offset == offset


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@given(st.lists(st.tuples(NAMES, TEXT), max_size=5))
def test_literals_comments_and_casts_are_never_touched(parts: list[tuple[str, str]]) -> None:
    columns = [f':{name}::text || {literal(text)} || "{name}:{name}"' for name, text in parts]
    comments = [f"--{text.translate(dict.fromkeys(map(ord, chr(10) + chr(13)), ' '))}:x\n" for _, text in parts]
    sql = "SELECT 1" + "".join(f", {column} {comment}" for column, comment in zip(columns, comments, strict=True))
    bound = bind(sql)
    assert bound.render(lambda name: f":{name}") == sql
    assert bound.binds == tuple(name for name, _ in parts)
    for column, (name, _) in zip(columns, parts, strict=True):
        parameter = f"(${bound.names.index(name) + 1}::text)"
        parameter = f"({parameter}::jsonb)" if name == "claims" else parameter
        assert column.replace(f":{name}::", f"{parameter}::", 1) in bound.sql
    postgast.parse(bound.sql)


@given(TEXT)
def test_any_text_is_bound_as_it_stands_or_refused(sql: str) -> None:
    with suppress(SqlError):
        bound = bind(sql)
        assert bound.render(lambda name: f":{name}") in {sql, " ".join(sql.rsplit(";", 1))}
        for name, offset in bound.offsets():
            assert sql[offset : offset + 1 + len(name)] == f":{name}"


@given(st.lists(st.sampled_from(["x", " ", ":a", ":claims", "'é'", "::int"]), max_size=12).map(" ".join))
def test_a_place_in_the_rendered_statement_leads_back_to_the_source(sql: str) -> None:
    bound = bind(sql)
    rendered = bound.sql
    for place, char in enumerate(rendered):
        source = bound.source_offset(place)
        assert 0 <= source <= len(sql)
        if char in "xé":
            assert source == len(sql) or sql[source] in {char, ":"}
