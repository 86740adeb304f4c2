"""What a worker is told by its run, where orders come faster than it takes them."""

import asyncio
import os
import signal
from pathlib import Path

from pydantic import SecretStr

from loadcheck.clock import SystemClock
from loadcheck.engine.share import WHOLE
from loadcheck.run.judging.patience import INTERRUPTED
from loadcheck.run.parts import put_together
from loadcheck.run.workers.hands import Hands, hired
from loadcheck.run.workers.messages import Begin, Conclude, Enough, Finish, Job, Settle
from loadcheck.scenario.load import load
from loadcheck.scenario.target import Target
from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import PATIENCE_S
from tests.run.test_run import SCENARIO, Told
from tests.stack.watching import becomes


def tell_at_once(hands: Hands, *orders: object) -> None:
    """Have everybody read these together."""
    pids = [hand.process.pid for hand in hands.hands]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    assert becomes(
        lambda: all(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T" for pid in pids)
    )
    for order in orders:
        hands.tell(order)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


async def test_an_audit_that_is_to_end_as_it_is_asked_for_ends_at_once(
    pets_stack: EmbeddedStack, tmp_path: Path
) -> None:
    path, folder = tmp_path / "scenario.yaml", tmp_path / "run"
    path.write_text(f"{SCENARIO}\nload: [{{name: all, concurrency: 1, requests: 3}}]")
    folder.mkdir()
    target = Target(url=pets_stack.url, database=SecretStr(pets_stack.database), jwt=pets_stack.jwt)
    loaded, clock = load(path).aimed_at(target), SystemClock()
    async with asyncio.timeout(PATIENCE_S), put_together(loaded, clock, Told()) as parts:
        job = Job(loaded, WHOLE, seed=1, started=clock.wall(), folder=folder, known=parts.prepared.known)
        async with hired([job]) as hands:
            hands.tell(Begin(0))
            await hands.until(lambda hand: hand.waiting == 1)
            hands.tell(Settle())
            await hands.until(lambda hand: hand.judged)
            tell_at_once(hands, Conclude(), Enough())
            await hands.until(lambda hand: hand.audited)
            hands.tell(Finish())
            await hands.until(lambda hand: hand.over)
            (finished,) = [hand.finished for hand in hands.hands]
    assert finished is not None
    assert finished.report.accounts.doubts == [INTERRUPTED]
