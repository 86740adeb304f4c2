import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from loadcheck.report.text import cut, inert, make_printable
from tests.record.samples import TOKEN


@given(st.text())
def test_inert_text_is_one_line_that_no_terminal_obeys(text: str) -> None:
    assert inert(text).isprintable()


@given(st.text(), st.integers(min_value=1, max_value=100))
def test_cut_text_is_never_wider_than_its_place(text: str, width: int) -> None:
    assert cell_len(cut(text, width)) <= width


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("a\r\nverdict: pass", "a verdict: pass"),
        ("[bold red]Nemo[/]", "[bold red]Nemo[/]"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("nul\x00", r"nul\x00"),
        ("\x9b31m", r"\x9b31m"),
        ("two  spaces", "two  spaces"),
        (f"Bearer {TOKEN}!", "Bearer [token]!"),
        (TOKEN[:30], "[token]"),
    ],
)
def test_hostile_text_is_shown_as_what_it_is(hostile: str, shown: str) -> None:
    assert inert(hostile) == shown


def test_wide_characters_count_twice() -> None:
    assert cut("犬と猫と魚", 6) == "犬と…"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_a_console_without_unicode_takes_every_sign(encoding: str) -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding) as stream:
        make_printable(stream)
        stream.write("── cut… 犬 Ж\ud800")
        stream.flush()
        assert "?" in raw.getvalue().decode(encoding)


def test_a_lone_surrogate_does_not_stop_a_unicode_console() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="utf-8") as stream:
        make_printable(stream)
        stream.write("犬\ud800…")
        stream.flush()
        assert raw.getvalue().decode() == "犬\\ud800…"


def test_a_stream_that_cannot_be_set_up_is_left_alone() -> None:
    make_printable(io.StringIO())
