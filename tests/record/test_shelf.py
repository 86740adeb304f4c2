"""Values that are kept on disk rather than in memory."""

from hypothesis import given
from hypothesis import strategies as st

from loadcheck.record.shelf import Shelf

KEYS = st.integers(0, 2**63 - 1) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


@given(st.lists(st.tuples(KEYS, st.binary(max_size=100))))
def test_it_gives_back_what_was_put_last(puts: list[tuple[int | str, bytes]]) -> None:
    shelf = Shelf()
    for key, value in puts:
        shelf.put(key, value)
    assert {key: shelf.get(key) for key, _ in puts} == dict(puts)
    assert shelf.get("none such") is None or ("none such", shelf.get("none such")) in puts
