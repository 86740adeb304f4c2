"""Nothing secret in any file that a run leaves, in any format."""

import asyncio
import gzip
import re
from pathlib import Path
from urllib.parse import urlsplit

from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import loadcheck

GATEWAY_KEY = "hunter2-key-of-the-gateway"
FORMATS = ("html", "junit", "sarif", "markdown", "csv", "svg")
SCENARIO = """
name: pets
target:
  database: ${LOADCHECK_DATABASE}
  jwt: {secret: "${LOADCHECK_JWT_SECRET}"}
  headers: {apikey: "${GATEWAY_KEY}"}
identities:
  - {name: keeper, count: 8, claims: {role: role_readwrite, user_type: "tenant-{n}"}}
  - {name: expired, token: expired, claims: {role: role_readwrite}, expect: {status: 200}}
requests:
  - name: list
    get: /pets?select=id,name,keeper&order=id
    expect: {rows: "SELECT id, name, keeper FROM pets WHERE keeper <> :user_type ORDER BY id"}
load: [{name: short, concurrency: 2, requests: 100}]
"""
_TOKEN = re.compile(rb"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}")


def content(path: Path) -> bytes:
    """Return what a file says, also one whose gzip members were appended one after another."""
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


async def test_no_token_secret_or_password_is_in_any_file_of_a_run(pets_stack: EmbeddedStack, tmp_path: Path) -> None:
    (tmp_path / "pets.yaml").write_text(SCENARIO)
    secret = pets_stack.jwt.secret
    password = urlsplit(pets_stack.database).password
    assert secret is not None
    assert password
    out = tmp_path / "out"
    out.mkdir()
    ended = await asyncio.to_thread(
        loadcheck,
        *("run", tmp_path / "pets.yaml", "--url", pets_stack.url, "--out", out / "run"),
        *(option for name in FORMATS for option in (f"--{name}", out / f"report.{name}")),
        "--github",
        LOADCHECK_DATABASE=pets_stack.database,
        LOADCHECK_JWT_SECRET=secret.get_secret_value(),
        GATEWAY_KEY=GATEWAY_KEY,
        GITHUB_STEP_SUMMARY=str(out / "summary.md"),
    )
    assert ended.code == 1, ended.text
    produced = {path.name: content(path) for path in out.rglob("*") if path.is_file()}
    assert len(produced) >= len(FORMATS) + 6
    produced["terminal"] = ended.text.encode()
    for what in (secret.get_secret_value(), password, GATEWAY_KEY):
        assert [name for name, text in produced.items() if what.encode() in text] == []
    assert [name for name, text in produced.items() if _TOKEN.search(text)] == []
