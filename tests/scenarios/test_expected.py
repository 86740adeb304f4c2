"""What a planted leak falls short of."""

from typing import TYPE_CHECKING, cast

from loadcheck.selftest.expected import Expected
from tests.gallery import LEAKS

if TYPE_CHECKING:
    from loadcheck.record.stored import FindingHead


def test_errors_alone_are_not_the_rows_of_a_query_on_anothers_backend() -> None:
    expected = Expected.of(LEAKS / "E1")
    error, rows = (
        cast("FindingHead", {"symptom": symptom, "cause": expected.cause, "count": 1, "source": {"label": "keeper#1"}})
        for symptom in ("wrong-status", "foreign-rows")
    )
    assert list(expected.shortfalls([error])) == ["no foreign-rows or missing-rows or swapped"]
    assert list(expected.shortfalls([error, rows])) == []
