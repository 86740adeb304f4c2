"""Where programs are found, and in which order; small scripts stand in, for only their places matter."""

from pathlib import Path

import pytest

from loadcheck.errors import EnvironmentProblem
from loadcheck.stack.programs import ALL, PGBOUNCER, POSTGRES, POSTGREST, Finder, Program
from loadcheck.stack.versions import version


def script(path: Path, says: str = "any 1.0", code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path


def fetched(prefix: Path, name: str) -> Path:
    return script(prefix / "libexec" / "loadcheck" / name / "bin" / name)


def test_what_the_user_names_comes_before_the_path_and_that_before_what_was_fetched(tmp_path: Path) -> None:
    named = script(tmp_path / "named" / "my-own")
    on_path = script(tmp_path / "path" / "postgrest")
    own = fetched(tmp_path, "postgrest")
    environment = {"LOADCHECK_POSTGREST": str(named), "PATH": str(on_path.parent)}
    finder = Finder(environment, tmp_path)
    assert finder.find(POSTGREST) == Program("postgrest", named, "LOADCHECK_POSTGREST")
    del environment["LOADCHECK_POSTGREST"]
    assert finder.find(POSTGREST) == Program("postgrest", on_path, "on the PATH")
    environment["PATH"] = ""
    assert finder.find(POSTGREST) == Program("postgrest", own, "fetched")
    own.unlink()
    assert finder.find(POSTGREST) is None


def test_a_folder_of_libraries_goes_with_what_was_fetched(tmp_path: Path) -> None:
    libraries = fetched(tmp_path, "pgbouncer").parent.parent / "lib"
    libraries.mkdir()
    found = Finder({}, tmp_path).find(PGBOUNCER)
    assert found
    assert found.environment == {"LD_LIBRARY_PATH": str(libraries)}


@pytest.mark.parametrize("given", ["bin", "bin/postgres"])
def test_postgresql_is_named_by_its_folder_or_its_program(tmp_path: Path, given: str) -> None:
    postgres = script(tmp_path / "bin" / "postgres")
    script(tmp_path / "bin" / "initdb")
    found = Finder({"LOADCHECK_POSTGRES": str(tmp_path / given)}, tmp_path).find(POSTGRES)
    assert found
    assert (found.path, found.beside("initdb")) == (postgres, tmp_path / "bin" / "initdb")


@pytest.mark.parametrize("initdb", ["beside", "on the PATH", "nowhere"])
def test_a_postgres_on_the_path_counts_only_with_its_initdb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, initdb: str
) -> None:
    postgres = script(tmp_path / "real" / "postgres")
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "postgres").symlink_to(postgres)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    if initdb != "nowhere":
        script(tmp_path / ("real" if initdb == "beside" else "path") / "initdb")
    found = Finder(prefix=tmp_path).find(POSTGRES)
    assert found
    assert (found.path == postgres) is (initdb != "nowhere")


@pytest.mark.parametrize("given", ["nothing", "folder", "text"])
def test_a_name_that_leads_nowhere_is_told_and_nothing_else_is_taken(tmp_path: Path, given: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("not a program")
    script(tmp_path / "path" / "pgbouncer")
    environment = {"LOADCHECK_PGBOUNCER": str(tmp_path / given), "PATH": str(tmp_path / "path")}
    with pytest.raises(EnvironmentProblem, match=f"LOADCHECK_PGBOUNCER is {tmp_path / given}"):
        Finder(environment, tmp_path).find(PGBOUNCER)


def test_every_missing_program_is_told_at_once_with_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        Finder({}, tmp_path).find_all(ALL)
    told = caught.value.message + caught.value.advice
    for text in ("PgBouncer", "PostgREST", "apt install", "brew install", "npm", "download", "loadcheck fetch"):
        assert text in told


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)", "15.13"),
        ("postgres (PostgreSQL) 18beta1", "18beta1"),
        ("PgBouncer 1.18.0\nlibevent 2.1.12-stable", "1.18.0"),
        ("PostgREST 12.0.2", "12.0.2"),
        ("PostgREST 13.0.0 (a1b2c3)", "13.0.0"),
    ],
)
async def test_versions(tmp_path: Path, says: str, found: str) -> None:
    assert await version(Program("any", script(tmp_path / "any", says), "here")) == found


async def test_a_program_that_does_not_run_here_is_told(tmp_path: Path) -> None:
    lacking = script(tmp_path / "lacking", "cannot open libcares.so.2", 127)
    with pytest.raises(EnvironmentProblem, match=r"lacking \(here\) does not run here: cannot open libcares"):
        await version(Program("any", lacking, "here"))
    (tmp_path / "foreign").write_bytes(b"\x7fELF of another machine")
    (tmp_path / "foreign").chmod(0o755)
    with pytest.raises(EnvironmentProblem, match="foreign"):
        await version(Program("any", tmp_path / "foreign", "here"))
