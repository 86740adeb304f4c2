"""What a run holds in memory does not grow with its length: whole runs against the null server of the bench."""

import gc
import importlib.util
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from loadcheck.engine import gathering, wire, wire_heads
from loadcheck.engine.events import Draw
from loadcheck.judge import trail, transactions
from loadcheck.oracle import truths
from loadcheck.record import coverage, span, truth_book, windows
from loadcheck.record.histogram import _Counted
from loadcheck.run.judging import judging
from tests.cli.command import REPOSITORY

_FULL: Final = 1_500
"""Exchanges after which everything that may fill up has done so, with the bounds below."""
_BOUNDS: Final = {
    gathering: {"_ENOUGH": 1},
    wire: {"_OPENED_KEPT": 4},
    wire_heads: {"_KEPT": 4},
    truths: {"_DRAWN_KEPT": 1_200},  # more than the feed has ahead
    truth_book: {"_REMEMBERED": 5},
    transactions: {"_REMEMBERED": 100, "_BACKENDS_KEPT": 16},
    trail: {"_KEPT": 100, "_BEGINNING": 100},
    coverage: {"_TOGETHER": 1, "_AWAKE": 4, "_BACKENDS_KEPT": 16},
    span: {"_BACKENDS_KEPT": 16},
    windows: {"_STEPS": 2},
    judging: {"_OWNERS_KEPT": 4},
}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bench, where whatever is rare is not."""
    spec = importlib.util.spec_from_file_location("memory", REPOSITORY / "bench" / "memory.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    often = {module: {"IDENTITIES": 10, "RARE": 20, "BACKEND_LIVES": 100}}
    for where, values in {**_BOUNDS, **often}.items():
        for name, value in values.items():
            monkeypatch.setattr(where, name, value)
    return module


def entries() -> int:
    """Return how many entries all containers of this process have, those that the load left to themselves too."""
    gc.unfreeze()
    gc.collect()
    return sum(len(each) for each in {id(each): each for each in _containers()}.values() if not _queue(each))


def _containers() -> Iterator[Any]:
    """Yield all but those of histograms, which have 4,200 buckets at most and take their time to hit each."""
    for known in gc.get_objects():
        if not isinstance(known, _Counted):
            # What holds numbers and texts alone is known by its owner only.
            each_of = (known, *gc.get_referents(known))
            yield from (each for each in each_of if isinstance(each, dict | list | set | deque))


def _queue(container: Any) -> bool:
    """Whether it holds what is about to be sent, lines for the disk or durations to count: now more, now less."""
    return isinstance(container, list | deque) and bool(container) and isinstance(container[0], Draw | bytes | float)


async def test_nothing_that_is_held_grows_with_the_run(bench: ModuleType, tmp_path: Path) -> None:
    early, late = (range(start, start + 500, 100) for start in (_FULL, 3 * _FULL))
    held: dict[int, int] = {}

    def look(count: int) -> None:
        if count in early or count in late:
            held[count] = entries()

    ended = await bench.run(late.stop, tmp_path, look)
    assert ended.summary["exchanges"]["violation"] > late.stop / 25  # so often something is disputed
    # Now more and now less waits to be told or settled, on a slow machine above all; what is kept is there each time.
    assert min(held[count] for count in late) - min(held[count] for count in early) < _FULL / 25
