"""What an exchange costs, on one core against an nginx that answers with a fixed body from another.

    python bench/wire.py [ROUNDS]

Prints, for each way to send, the median and the spread of exchanges a second and of CPU microseconds an exchange, over
rounds that alternate between them. `checked` is a whole `loadcheck run`: every answer judged, counted, recorded, shown.
The CPU time tells more than the rate where other programs use the machine as well.
"""

import asyncio
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvloop
from aiohttp import ClientSession

from loadcheck.clock import SystemClock
from loadcheck.engine.messages import Headers, Message
from loadcheck.engine.transports import transport_to
from loadcheck.scenario.target import Target
from loadcheck.stack.ports import free_ports

ROUNDS: Final = 3
SECONDS: Final = 2.0
CALLERS: Final = 32
BODY: Final = '[{"id":1,"name":"pet 1","keeper":"tenant 1"},{"id":2,"name":"pet 2","keeper":"tenant 1"}]'
CHECKED: Final = ("checked wire", "checked aiohttp")
SENT_ONLY: Final = ("unchecked wire", "unchecked aiohttp", "bare aiohttp")

NGINX: Final = """
user {user}; daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{body}'; }} }}
}}
"""
SCENARIO: Final = """
name: wire
identities:
  - {{name: keeper, count: 1000, claims: {{role: reader, user_type: "tenant-{{n}}"}}}}
requests:
  - name: list
    get: /pets?select=id,name,keeper&order=id
    expect: {{rows: {body}}}
hunt: {{share: 0}}
load: [{{name: steady, concurrency: {callers}, duration: {seconds}s}}]
"""


@contextmanager
def nginx(folder: Path, port: int) -> Iterator[None]:
    """Serve the fixed body, from the last core."""
    program = shutil.which("nginx") or f"{sys.prefix}/libexec/loadcheck/nginx/usr/sbin/nginx"
    user = os.environ.get("USER", "root")
    (folder / "nginx.conf").write_text(NGINX.format(user=user, folder=folder, port=port, body=BODY))
    server = subprocess.Popen([program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"])
    os.sched_setaffinity(server.pid, {max(os.sched_getaffinity(0))})
    try:
        time.sleep(0.5)
        yield
    finally:
        server.terminate()
        server.wait()


async def send_only(way: str, url: str) -> int:
    """Send as fast as it goes and look at nothing; return how often."""
    ends, sent = time.perf_counter() + SECONDS, 0
    fields = {"Accept": "application/json", "Authorization": "Bearer " + "x" * 180}
    message = Message("GET", f"{url}/pets?select=id,name,keeper&order=id", Headers(fields))
    transport = transport_to(Target(transport="wire" if way.endswith("wire") else "aiohttp"), SystemClock())
    async with ClientSession() as session:

        async def bare() -> None:
            async with session.get(message.url, headers=fields) as answer:
                await answer.read()

        async def call() -> None:
            nonlocal sent
            while time.perf_counter() < ends:
                await (bare() if way.startswith("bare") else transport.send(message))
                sent += 1

        await asyncio.gather(*(call() for _ in range(CALLERS)))
    await transport.close()
    return sent


def child(way: str, url: str) -> None:
    """Measure one way once, in a process of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sent = runner.run(send_only(way, url))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([sent / SECONDS, (used.ru_utime + used.ru_stime - time_to_start()) / sent * 1e6]))


def time_to_start() -> float:
    """Return the CPU seconds that were used before anything was sent, as a run's own figures leave them out."""
    return _STARTED


def measure(way: str, url: str, folder: Path) -> tuple[float, float]:
    """Return exchanges a second, and CPU microseconds an exchange."""
    if way in SENT_ONLY:
        done = subprocess.run([*pinned(), __file__, way, url], capture_output=True, text=True, check=True)
        rate, cpu = json.loads(done.stdout)
        return rate, cpu
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    options = ("--url", url, "--jwt-secret", "x" * 32, "--out", out, "--transport", way.split()[1])
    command = [*pinned(), "-m", "loadcheck", "run", folder / "wire.yaml", *options]
    subprocess.run(list(map(str, command)), capture_output=True, check=False)
    told = json.loads((out / "summary.json").read_text())
    if told["exchanges"]["ok"] != told["exchanges"]["sent"]:
        sys.exit(f"not every answer was right: {told['statuses']}")
    return told["throughput_rps"], told["generator"]["cpu_s"] / told["exchanges"]["sent"] * 1e6


def pinned() -> list[str]:
    """Return the start of a command that runs Python on the first core alone."""
    return ["taskset", "-c", str(min(os.sched_getaffinity(0))), sys.executable]


def main(rounds: int) -> None:
    """Measure every way in turn, and print the table."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, (port,) = Path(temporary), free_ports(1)
        (folder / "wire.yaml").write_text(SCENARIO.format(body=BODY, callers=CALLERS, seconds=f"{SECONDS:g}"))
        seen: dict[str, list[tuple[float, float]]] = {way: [] for way in (*SENT_ONLY, *CHECKED)}
        with nginx(folder, port):
            for _ in range(rounds):
                for way, results in seen.items():
                    results.append(measure(way, f"http://127.0.0.1:{port}", folder))
    base = statistics.median(cpu for _, cpu in seen["unchecked wire"])
    print(f"{'':20}{'a second':>10}{'spread':>18}{'us CPU':>9}{'spread':>14}{'x unchecked wire':>18}")
    for way, results in seen.items():
        rates, cpus = zip(*results, strict=True)
        rate, cpu = statistics.median(rates), statistics.median(cpus)
        spread = (f"{min(rates):,.0f}-{max(rates):,.0f}", f"{min(cpus):.0f}-{max(cpus):.0f}")
        print(f"{way:20}{rate:10,.0f}{spread[0]:>18}{cpu:9.1f}{spread[1]:>14}{cpu / base:18.2f}")


if __name__ == "__main__":
    _STARTED = time.process_time()
    if len(sys.argv) > 2:  # noqa: PLR2004 -- as a child: the way and the URL
        child(*sys.argv[1:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
