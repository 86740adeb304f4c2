from pathlib import Path

import pytest

from tests.scenario.files import MINIMAL, loaded, told


@pytest.mark.parametrize(
    ("fault", "problems"),
    [
        ("do: terminate-backend", ["10: `do` must be one of terminate-backends, cancel-queries,"]),
        ("do: schema-reload, for: 3s", ["25: `for` does not go with schema-reload\n    known here: at every"]),
        ("do: abort, shar: 1%", ["17: unknown key `shar`\n    did you mean `share`?"]),
        ("do: slow, between: postgrest-pooler, for: 1s", ["10: slow needs `latency` or `bandwidth`"]),
        ("do: cut, between: pooler-postgres", ["10: cut needs `for`"]),
        ("do: cut, between: here-there, for: 1s", ["24: `between` must be one of loadcheck-postgrest,"]),
        ("do: pgbouncer-kill, for: 3s, every: 3s", ["31: `for` is not shorter than `every`"]),
        ("do: abort, every: 3s", ["24: abort with `every` needs `for`\n    without both it lasts until the end"]),
        ("do: run, stop: x", ["10: run needs `start`", "21: `stop` needs `for`"]),
        (
            "do: run, start: 'x {prt}'",
            ["25: {prt} is not known here\n    known here: {url} {database}"],
        ),
        ("do: run, start: 'x \"'", ["22: `start`: no closing quotation"]),
        ("do: schema-reload, every: 0", ["32: `every` must be more than 0"]),
        ("do: schema-reload, every: soon", ["32: `every` is not a duration\n    write it like"]),
        ("every: 3s", ["5: `do` is missing"]),
    ],
)
def test_what_is_wrong_with_a_fault_is_told_at_its_place(tmp_path: Path, fault: str, problems: list[str]) -> None:
    text = f"{MINIMAL}faults:\n  - {{{fault}}}\n"
    found = told(tmp_path, text)
    assert len(found) == len(problems)
    for one, problem in zip(found, problems, strict=True):
        assert one.startswith(f"scenario.yaml:7:{problem}"), found


@pytest.mark.parametrize(
    ("pooler", "fault", "problem"),
    [
        ("none", "do: pgbouncer-restart", "pgbouncer-restart: the stack has no PgBouncer"),
        ("none", "do: cut, for: 1s, between: postgrest-pooler", "the stack has no pooler"),
        ("none", "do: cut, for: 1s, between: gateway-postgrest", "the stack has no gateway"),
        ("{run: 'x {port}'}", "do: pgbouncer-restart", "pgbouncer-restart: the stack has no PgBouncer"),
    ],
)
def test_a_fault_needs_what_it_breaks(tmp_path: Path, pooler: str, fault: str, problem: str) -> None:
    (found,) = told(tmp_path, f"{MINIMAL}stack: {{pooler: {pooler}}}\nfaults: [{{{fault}}}]\n")
    assert problem in found


def test_passwords_in_a_command_are_not_kept(tmp_path: Path) -> None:
    text = f"{MINIMAL}faults: [{{do: run, start: 'psql postgresql://me:SECRET@there/db'}}]\n"
    assert "SECRET" not in loaded(tmp_path, text).resolved
