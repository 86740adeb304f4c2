"""What is sent to: one GET with one right answer, by a server pinned to the last core."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from loadcheck.clock import SystemClock
from loadcheck.identity.population import Identity
from loadcheck.identity.tokens import Mint
from loadcheck.scenario.load import load
from loadcheck.stack.ports import free_ports
from loadcheck.stack.stack import embedded

CALLERS: Final = 32
PATH: Final = "/pets?select=id,name,keeper&order=id&limit=2"
BODY: Final = '[{"id":1,"name":"pet 1","keeper":"tenant 1"},{"id":2,"name":"pet 2","keeper":"tenant 1"}]'
HERE: Final = Path(__file__).parent
_SECRET: Final = "x" * 32

_NGINX: Final = """
user {user}; daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{body}'; }} }}
}}
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """One server, with all that the tools need to know of it.

    Attributes:
        url: Where it answers.
        token: A token that it takes.
        body: What it answers to `PATH` with that token.
        scenario: The scenario for loadcheck, whose load is to be set.
        options: What else loadcheck is told.
    """

    name: str
    url: str
    body: str
    scenario: Path
    token: str = field(default="x" * 180, repr=False)
    options: tuple[str, ...] = field(default=(), repr=False)


def cores() -> tuple[int, int]:
    """Return the core for load tools, and the one for servers: the same where there is only one."""
    allowed = os.sched_getaffinity(0)
    return min(allowed), max(allowed)


@contextmanager
def null_server(folder: Path) -> Iterator[Bench]:
    """Serve a fixed body with nginx, and nothing else.

    Raises:
        FileNotFoundError: there is no nginx.
    """
    program = shutil.which("nginx") or f"{sys.prefix}/libexec/loadcheck/nginx/usr/sbin/nginx"
    (port,) = free_ports(1)
    user = os.environ.get("USER", "root")
    (folder / "nginx.conf").write_text(_NGINX.format(user=user, folder=folder, port=port, body=BODY))
    server = subprocess.Popen([program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"])
    os.sched_setaffinity(server.pid, {cores()[1]})
    try:
        _wait_for(port)
        given = ("--jwt-secret", _SECRET)
        yield Bench("null server (nginx)", f"http://127.0.0.1:{port}", BODY, HERE / "null.yaml", options=given)
    finally:
        server.terminate()
        server.wait()


@asynccontextmanager
async def real_stack() -> AsyncIterator[Bench]:
    """Start the embedded stack: PostgreSQL, PgBouncer and PostgREST, all on the last core."""
    path = HERE / "real.yaml"
    loaded = load(path)
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cores()[1]})  # what is started from here on inherits it
    try:
        async with embedded(loaded.scenario, loaded.folder) as stack:
            keeper = Identity(0, 0, "keeper", {"role": "role_readwrite", "user_type": "tenant-1"}, {})
            token = Mint(stack.jwt, loaded.folder, SystemClock()).token(keeper) or ""
            secret = stack.jwt.secret.get_secret_value()
            given = ("--database", stack.database, "--jwt-secret", secret)
            bench = Bench("real stack", stack.url, "", path, token, given)
            yield Bench(bench.name, stack.url, _answer(bench), path, token, given)
    finally:
        os.sched_setaffinity(0, own)


def fields(bench: Bench) -> dict[str, str]:
    """Return the header fields of the request."""
    return {"Accept": "application/json", "Authorization": f"Bearer {bench.token}"}


def _answer(bench: Bench) -> str:
    asked = urllib.request.Request(bench.url + PATH, headers=fields(bench))  # noqa: S310 -- our own server
    with urllib.request.urlopen(asked) as answer:  # noqa: S310 -- the same
        return str(answer.read().decode())


def _wait_for(port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("nginx does not answer")
