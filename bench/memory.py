"""The memory of a run of any length: whole runs inside this process, against a null server with a stub truth.

    python bench/memory.py [EXCHANGES] [--out PAGE]

Nothing travels over a network, so that ten million exchanges take less than an hour. Everything else is as in a run:
answers carry stamps, one in 1,000 is somebody else's, one in 1,000 is lost, and most truths depend on drawn values, so
that what is kept of them is full at the first mark. Prints the curve, writes it to the page at every mark, and exits
with 1 when memory grew by more than 5 % after exchange 100,000.
"""

import argparse
import asyncio
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from unittest.mock import patch

import uvloop

from loadcheck.clock import Clock, SystemClock
from loadcheck.engine.events import Answer, Lost
from loadcheck.engine.messages import Message
from loadcheck.engine.transport import AwaitedTransport, LostAnswer
from loadcheck.oracle.stamp import HEADER, NONCE_HEADER
from loadcheck.run import parts
from loadcheck.run.interruption import Interruption
from loadcheck.run.run import Ended, Run, RunOptions
from loadcheck.scenario.load import load
from loadcheck.scenario.target import Target

SETTLED: Final = 100_000
"""Exchanges after which whatever is kept to be quick is full."""
GROWTH: Final = 0.05

IDENTITIES: Final = 1_000
_BACKENDS: Final = 8
BACKEND_LIVES: Final = 50_000  # exchanges, after which a new one takes its place
RARE: Final = 1_000
_BAR: Final = 40
_PAGE: Final = resource.getpagesize()

SCENARIO: Final = """
name: memory
target: {{url: "http://127.0.0.1:1", jwt: {{secret: a secret of thirty-two letters or so}}}}
identities:
  - {{name: keeper, count: {identities}, claims: {{role: reader, user_type: "tenant-{{n}}"}}}}
requests:
  - name: list
    get: /pets?select=keeper&order=keeper
    expect: {{rows: [{{keeper: "{{user_type}}"}}]}}
  - name: one
    weight: 3
    get: /pets?id=eq.{{id}}&select=id,keeper
    vars: {{id: {{int: [1, 1000000]}}}}
    expect: {{rows: [{{id: "{{id}}", keeper: "{{user_type}}"}}]}}
thresholds: {{p99: {{limit: 10s, window: 1m}}, error_rate: {{limit: 10%, window: 10m}}}}
load: [{{name: steady, concurrency: 32, requests: {exchanges}}}]
history_limit: 20MB
"""


class NullServer(AwaitedTransport):
    """Answers at once, as PostgREST would; a transport in the place of the network.

    Args:
        clock: The run's clock.
        sent: Told how many were sent so far, before each.
    """

    def __init__(self, clock: Clock, sent: Callable[[int], None]) -> None:
        self._clock = clock
        self._sent = sent
        self._count = 0

    async def send(self, message: Message) -> Answer:
        """Answer a message, wrongly now and then."""
        self._count += 1
        self._sent(self._count)
        began = self._clock.now()
        await asyncio.sleep(0)
        nonce = dict(message.own).get(NONCE_HEADER)
        if nonce is None:
            return Answer(200, {}, b"{}", began, self._clock.now())
        _, _, identity, seq = nonce.split("-")
        number = int(seq)
        if number % RARE == 1:
            raise LostAnswer(Lost.DISCONNECTED)
        body = _body(message.url, int(identity) + (number % RARE == 0))
        backend = number // BACKEND_LIVES * _BACKENDS + number % _BACKENDS
        stamp = f"{1000 + backend}@7 {number * 7 + 1} - {nonce} reader"
        headers = {"content-type": "application/json", HEADER: stamp}
        return Answer(200, headers, body, began, self._clock.now())

    async def close(self) -> None:
        """Nothing is open."""


def _body(url: str, identity: int) -> bytes:
    keeper = f'"keeper":"tenant-{identity % IDENTITIES + 1}"'
    _, _, after = url.partition("id=eq.")
    return f'[{{"id":{after.partition("&")[0]},{keeper}}}]'.encode() if after else f"[{{{keeper}}}]".encode()


class Silent:
    """An observer that shows nothing."""

    def step(self, text: str) -> None:
        """Say nothing of a step."""

    def started(self, *_: object) -> None:
        """Show nothing."""

    def finding(self, _: object) -> None:
        """Say nothing of a finding."""

    def finished(self) -> None:
        """Give nothing back."""


async def run(exchanges: int, folder: Path, sent: Callable[[int], None]) -> Ended:
    """Run so many exchanges, and tell of each."""

    def null_server(_target: Target, clock: Clock) -> NullServer:
        return NullServer(clock, sent)

    path = folder / "memory.yaml"
    path.write_text(SCENARIO.format(identities=IDENTITIES, exchanges=exchanges))
    options = RunOptions(seed=1, out=folder / "run", reproduce=False)
    with patch.object(parts, "transport_to", null_server):
        return await Run(load(path), options, Silent(), Interruption(), SystemClock()).run()


def resident() -> int:
    """Return the bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


class Curve:
    """Looks at the memory at the marks, and tells it.

    Args:
        exchanges: How many there will be.
        page: Where the curve is written, too; None: nowhere.

    Attributes:
        points: Bytes, by exchange.
    """

    def __init__(self, exchanges: int, page: Path | None) -> None:
        self.points: dict[int, int] = {}
        self._exchanges = exchanges
        self._page = page
        self._marks = {SETTLED, 3 * SETTLED, *range(5 * SETTLED, exchanges, 5 * SETTLED), exchanges}
        self._began = time.perf_counter()

    def sent(self, count: int) -> None:
        """Look, if it is time."""
        if count in self._marks:
            self.points[count] = resident()
            passed = time.perf_counter() - self._began
            print(f"{self._line(count)} {passed:8.0f} s", flush=True)
            if self._page is not None:
                self._page.write_text("\n".join(self._lines(passed)))

    @property
    def growth(self) -> float:
        """The largest growth after the first mark, as a share of what there was then."""
        return max(self.points.values()) / self.points[SETTLED] - 1

    def _line(self, count: int) -> str:
        growth = self.points[count] / self.points[SETTLED] - 1
        return f"{count:12,} exchanges {self.points[count] / 1e6:8.1f} MB {growth:+8.1%}"

    def _lines(self, passed: float) -> Iterator[str]:
        last, most = max(self.points), max(self.points.values())
        yield from (
            "# Memory over a long run",
            "",
            f"Made by `python {' '.join(sys.argv)}`: a whole run of loadcheck against a null server in the same",
            "process, with stamps, disputes, lost answers and backends that come and go. All that is resident counts.",
            f"The run was to have {self._exchanges:,} exchanges; these are the first {last:,}, in {passed:,.0f} s.",
            _machine(),
            "",
            f"Growth after exchange {SETTLED:,}: {100 * self.growth:.1f} % at most, of {100 * GROWTH:.0f} % allowed.",
            "",
            "```",
            *(f"{self._line(count)}  {'#' * round(_BAR * size / most)}" for count, size in self.points.items()),
            "```",
            "",
        )


def _machine() -> str:
    python, load = platform.python_version(), os.getloadavg()[0]
    cores = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"Machine: {cores}, load average {load:.1f} at the last mark; Python {python}."


def main(exchanges: int, page: Path | None) -> int:
    """Run, tell the curve, and return the exit code."""
    curve = Curve(exchanges, page)
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ended = runner.run(run(exchanges, Path(folder), curve.sent))
        curve.sent(exchanges)  # what is given up before it is sent never came to the server's count
    print(", ".join(f"{count:,} {what}" for what, count in ended.summary["exchanges"].items()))
    return curve.growth > GROWTH


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("exchanges", type=int, nargs="?", default=10_000_000)
    parser.add_argument("--out", type=Path, help="write the curve there, too")
    given = parser.parse_args()
    sys.exit(main(given.exchanges, given.out))
