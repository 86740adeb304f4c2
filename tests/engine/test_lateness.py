import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.lateness import Lateness, watch
from tests.engine.virtual import VirtualClock, virtually


def test_nothing_measured_is_nothing_late() -> None:
    assert (Lateness().samples, Lateness().max_s, Lateness().p99_s) == (0, 0.0, 0.0)


@given(st.lists(st.floats(0, 2000), min_size=1, max_size=300))
def test_p99_is_within_a_fifth_above_the_exact_one(lateness: list[float]) -> None:
    counted = Lateness()
    for seconds in lateness:
        counted.add(seconds)
    exact = sorted(lateness)[-(-len(lateness) * 99 // 100) - 1]
    assert counted.max_s == max(lateness)
    assert counted.p99_s <= counted.max_s
    if 1e-6 <= exact <= 1000:
        assert exact * 0.999999 <= counted.p99_s <= exact * 1.19


def test_the_watch_sees_a_blocked_loop() -> None:
    class Blocked(VirtualClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds + 0.25)

    async def run() -> Lateness:
        lag = Lateness()
        task = asyncio.create_task(watch(Blocked(), 0.1, lag))
        await asyncio.sleep(1.0)
        task.cancel()
        return lag

    lag = virtually(run())
    assert lag.samples == 2
    assert lag.max_s == pytest.approx(0.25)
