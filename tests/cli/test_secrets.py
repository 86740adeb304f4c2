"""Nothing secret in any file that loadcheck leaves, in any format, nor in what it prints.

Exempt are `up` and `token`, which are asked for keys and tokens; `schema` and `fetch`, which are given none; `demo`,
which does what `run` does. The secrets of a `selftest` are its own, so that only its tokens are looked for.
"""

import asyncio
import gzip
import re
import signal
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from loadcheck.cli.report import command as report
from loadcheck.stack.ports import free_ports
from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import PATIENCE_S, loadcheck, read_until, started
from tests.cli.test_metrics import ENDLESS, scraped, served
from tests.stack.watching import becomes

GATEWAY_KEY = "hunter2-key-of-the-gateway"
FORMATS = tuple(name for name in (option.name for option in report.params) if name not in {"run", "github"})
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


def watched(*options: object, cwd: Path, **given: str) -> dict[str, bytes]:
    """Return what a run serves as metrics while it goes on and has found something, and what it prints."""
    (port,) = free_ports(1)
    with started("run", *options, *ENDLESS, "--metrics", port, cwd=cwd, **given) as process:
        printed = read_until(process, "on: concurrency 4")
        assert becomes(lambda: scraped(port)["loadcheck_findings_total",] > 0)
        metrics = served(port)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE_S)
    return {"metrics": metrics.encode(), "run --metrics": f"{printed}{rest}".encode()}


async def test_no_token_secret_or_password_is_in_any_output(pets_stack: EmbeddedStack, tmp_path: Path) -> None:
    scenario, out = tmp_path / "pets.yaml", tmp_path / "out"
    scenario.write_text(SCENARIO)
    out.mkdir()
    secret = pets_stack.jwt.secret.get_secret_value()
    password = urlsplit(pets_stack.database).password
    assert secret
    assert password
    given = {"LOADCHECK_DATABASE": pets_stack.database, "LOADCHECK_JWT_SECRET": secret, "GATEWAY_KEY": GATEWAY_KEY}
    told: dict[str, bytes] = {}

    async def call(command: str, *arguments: object) -> None:
        summary = str(out / f"{command}-summary.md")
        ended = await asyncio.to_thread(
            partial(loadcheck, command, *arguments, cwd=tmp_path, GITHUB_STEP_SUMMARY=summary, **given)
        )
        assert ended.code != 70, ended.text
        told[f"{command} {len(told)}"] = ended.text.encode()

    run = out / "run"
    for command, *arguments in (
        ("run", scenario, "--url", pets_stack.url, "--out", run, "--reproduce", "--workers", "2"),
        ("report", run),
        ("recheck", run),
    ):
        formats = [option for name in FORMATS for option in (f"--{name}", out / f"{command}.{name}")]
        await call(command, *arguments, *formats, "--github")
    await call("compare", run, run, "--markdown", out / "compare.md", "--json", out / "compare.json")
    await call("check", scenario)
    await call("selftest", "policy")
    await call("init", "--url", pets_stack.url, "--out", out / "drafted.yaml")
    for options in ([], ["--json"]):
        await call("doctor", scenario, "--url", pets_stack.url, "--pooled", pets_stack.pooled_database, *options)
    for change in ("load.short.requests=0", "target.jwt.algorithm=RS256", "target.url=127.0.0.1"):
        await call("run", scenario, "--url", pets_stack.url, "--set", change)

    aimed = (scenario, "--url", pets_stack.url, "--out", out / "watched")
    told |= await asyncio.to_thread(partial(watched, *aimed, cwd=tmp_path, **given))

    produced = {str(path.relative_to(out)): content(path) for path in out.rglob("*") if path.is_file()}
    for name in ("run/F1/reproduce.sh", "run-summary.md", "drafted.yaml", "compare.json", "recheck.html"):
        assert produced[name]
    produced |= told
    pooled = urlsplit(pets_stack.pooled_database).password
    assert pooled
    for what in (secret, password, pooled, GATEWAY_KEY):
        assert [name for name, text in produced.items() if what.encode() in text] == []
    assert [name for name, text in produced.items() if _TOKEN.search(text)] == []
