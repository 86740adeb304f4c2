"""What is sent to: one GET with one right answer, and the cores that its server and the load tools have."""

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
from loadcheck.stack.construction import embedded
from loadcheck.stack.ports import free_ports

CALLERS: Final = 32
PATH: Final = "/pets?select=id,name,keeper&order=id&limit=2"
BODY: Final = '[{"id":1,"name":"pet 1","keeper":"tenant 1"},{"id":2,"name":"pet 2","keeper":"tenant 1"}]'
HERE: Final = Path(__file__).parent
_SECRET: Final = "x" * 32

_NGINX: Final = """
user {user}; daemon off; worker_processes {processes}; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 2048; }}
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
        name: What its table is called.
        url: Where it answers.
        body: What it answers to `PATH` with the token.
        scenario: The scenario for loadcheck, whose load is to be set.
        tools: The cores that a load tool may use.
        token: A token that it takes.
        options: What else loadcheck is told.
    """

    name: str
    url: str
    body: str
    scenario: Path
    tools: frozenset[int]
    token: str = field(default="x" * 180, repr=False)
    options: tuple[str, ...] = field(default=(), repr=False)


def all_cores() -> frozenset[int]:
    """Return the cores that may be used."""
    return frozenset(os.sched_getaffinity(0))


def first_core() -> frozenset[int]:
    """Return the core that a load tool is alone on."""
    return frozenset({min(all_cores())})


def last_core() -> frozenset[int]:
    """Return the core for a server: the same as the first where there is only one."""
    return frozenset({max(all_cores())})


@contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """Have whatever this thread starts meanwhile run on these cores alone."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


@contextmanager
def null_server(folder: Path, name: str, *, cores: frozenset[int], tools: frozenset[int]) -> Iterator[Bench]:
    """Serve a fixed body with nginx, a process for each of its cores, and nothing else.

    Args:
        folder: An empty one, for nginx's files.
        name: What the table of this server is called.
        cores: Those that nginx may use.
        tools: Those that the tools may.

    Raises:
        OSError: there is no nginx, or it does not answer.
    """
    (port,) = free_ports(1)
    user = os.environ.get("USER", "root")
    filled = _NGINX.format(user=user, processes=len(cores), folder=folder, port=port, body=BODY)
    (folder / "nginx.conf").write_text(filled)
    with on(cores):
        server = subprocess.Popen([nginx(), "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"])
    try:
        _wait_for(port)
        given = ("--jwt-secret", _SECRET)
        yield Bench(name, f"http://127.0.0.1:{port}", BODY, HERE / "null.yaml", tools, options=given)
    finally:
        server.terminate()
        server.wait()


def nginx() -> str:
    """Return where nginx is, or should be."""
    named = os.environ.get("LOADCHECK_NGINX") or shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    return named or f"{sys.prefix}/libexec/loadcheck/nginx/usr/sbin/nginx"


@asynccontextmanager
async def real_stack(name: str) -> AsyncIterator[Bench]:
    """Start the embedded stack: PostgreSQL, PgBouncer and PostgREST; it and the tools share all cores.

    Raises:
        LoadcheckError: it cannot be started.
    """
    path = HERE / "real.yaml"
    loaded = load(path)
    async with embedded(loaded.scenario, loaded.folder) as stack:
        keeper = Identity(0, 0, "keeper", {"role": "role_readwrite", "user_type": "tenant-1"}, {})
        token = Mint(stack.jwt, loaded.folder, SystemClock()).token(keeper) or ""
        given = ("--database", stack.database, "--jwt-secret", stack.jwt.secret.get_secret_value())
        body = _answer(stack.url, token)
        yield Bench(name, stack.url, body, path, all_cores(), token, given)


def fields(token: str) -> dict[str, str]:
    """Return the header fields of the request."""
    return {"Accept": "application/json", "Authorization": f"Bearer {token}"}


def _answer(url: str, token: str) -> str:
    asked = urllib.request.Request(url + PATH, headers=fields(token))  # noqa: S310 -- our own server
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
