"""The scenario's SQL files: where in them a mistake is, and what no stack could run."""

from pathlib import Path

import pytest

from loadcheck.errors import UsageProblem
from loadcheck.stack.sql import read_files, run_files
from loadcheck.stack.stack import EmbeddedStack


@pytest.mark.parametrize(
    ("sql", "place", "message"),
    [
        ("CREATE TABLE a ();\n\n  SELEC 1;\n", ":3:3", 'syntax error at or near "SELEC" (42601)'),
        ("SELECT 'é' || nothing;", ":1:15", 'column "nothing" does not exist (42703)'),
        ("SELECT 1;\n\\d pets\n", ":2:1", 'syntax error at or near "\\"'),
        ("CREATE TABLE a (i int PRIMARY KEY); INSERT INTO a VALUES (1), (1);", ":", "duplicate key value"),
        ("DO $$ BEGIN RAISE 'no %', 'pets'; END $$", ":", "no pets (P0001)"),
        ("ALTER ROLE role_admin SUPERUSER", ":", "(42501)"),
    ],
)
async def test_a_mistake_is_told_with_its_place_and_nothing_of_the_file_is_done(
    pets_stack: EmbeddedStack, sql: str, place: str, message: str
) -> None:
    path = Path("bad.sql")
    for _ in range(2):  # a table that the first one had left would be another mistake
        with pytest.raises(UsageProblem) as caught:
            await run_files([(path, sql)], pets_stack.database)
        assert caught.value.message.startswith(f"{path}{place}")
        assert message in caught.value.message
        assert caught.value.advice


@pytest.mark.parametrize("sql", ["", "-- to come\n", "/* a */ ;;"])
async def test_a_file_without_a_statement_does_nothing(pets_stack: EmbeddedStack, sql: str) -> None:
    await run_files([(Path("empty.sql"), sql)], pets_stack.database)


@pytest.mark.parametrize("copy", ["COPY a (i) FROM stdin;", "copy a to STDOUT", "COPY a FROM STDIN;\n1\n\\.\n"])
def test_copy_has_no_terminal_to_wait_for(tmp_path: Path, copy: str) -> None:
    (tmp_path / "copy.sql").write_text(f"CREATE TABLE a (é int);\n  {copy}")
    with pytest.raises(UsageProblem, match=r"copy\.sql:2:"):
        read_files(["copy.sql"], tmp_path)
