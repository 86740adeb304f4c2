import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest

from loadcheck.engine.engine import Engine
from loadcheck.engine.events import Draw, Ended, Event, Exchange, Lost, Missed, PhaseEnded, PhaseStarted
from loadcheck.engine.feed import Feed
from loadcheck.engine.messages import Headers, Message
from loadcheck.engine.share import WHOLE, Share
from loadcheck.engine.transport import Landed, LostAnswer, Sending, Transport
from loadcheck.errors import UsageProblem
from loadcheck.scenario.phase import Phase
from tests.engine.virtual import Scripted, VirtualClock, virtually

MIDWAY = 0.06


def compose(draw: Draw) -> Message:
    return Message("GET", f"http://target/{draw.seq}", Headers({}))


async def unprepared(_batch: Sequence[Draw]) -> None:
    await asyncio.sleep(0)


class Bench:
    """An engine in virtual time, with all that it said."""

    def __init__(
        self,
        *phases: dict[str, Any],
        script: Callable[[Message], float | Lost] = lambda _message: 0.1,
        prepare: Callable[[Sequence[Draw]], Any] = unprepared,
        seed: int = 1,
        patience: float | None = None,
        share: Share = WHOLE,
        transport: Transport | None = None,
    ) -> None:
        self.events: list[Event | Exchange] = []
        self.scripted = Scripted(script)
        self.feed = Feed((Draw(seq, 0, 0, patience=patience) for seq in count()), prepare, VirtualClock())
        self.engine = Engine(
            phases=[Phase.model_validate({"name": "p", **phase}) for phase in phases],
            feed=self.feed,
            compose=compose,
            transport=transport or self.scripted,
            clock=VirtualClock(),
            emit=self.tell,
            seed=seed,
            share=share,
        )

    def tell(self, event: Event) -> None:
        self.events += event.exchanges if isinstance(event, Ended) else [event]

    def run(self) -> "Bench":
        virtually(self.engine.run())
        return self

    @property
    def exchanges(self) -> list[Exchange]:
        return [event for event in self.events if isinstance(event, Exchange)]

    @property
    def missed(self) -> list[Missed]:
        return [event for event in self.events if isinstance(event, Missed)]

    @property
    def sequence(self) -> list[int]:
        return [exchange.draw.seq for exchange in self.exchanges]


def test_all_who_are_answered_at_once_send_again_before_their_answers_are_told() -> None:
    sent: list[str] = []
    seen: list[tuple[int, Event]] = []

    def script(message: Message) -> float:
        sent.append(message.url)
        return 0.5

    bench = Bench({"concurrency": 3, "requests": 6}, script=script)
    bench.engine._emit = lambda event: seen.append((len(sent), event))
    bench.run()
    assert [(before, len(event.exchanges)) for before, event in seen if isinstance(event, Ended)] == [(6, 3), (6, 3)]
    assert isinstance(seen[-1][1], PhaseEnded)


def test_closed_loop_callers_send_again_when_they_are_answered() -> None:
    bench = Bench({"concurrency": 3, "duration": 1.0}, script=lambda _message: 0.3).run()
    assert sorted(round(exchange.sent, 6) for exchange in bench.exchanges) == sorted([0.0, 0.3, 0.6, 0.9] * 3)
    assert bench.scripted.most_in_flight == 3
    assert sorted(bench.sequence) == list(range(12))
    assert all(exchange.answer and exchange.lost is None for exchange in bench.exchanges)
    assert all(exchange.service == pytest.approx(0.3) for exchange in bench.exchanges)


def test_a_phase_of_requests_sends_exactly_as_many() -> None:
    bench = Bench({"concurrency": 7, "requests": 100}).run()
    assert sorted(bench.sequence) == list(range(100))


def test_each_answer_belongs_to_its_exchange() -> None:
    bench = Bench({"concurrency": 5, "requests": 60}, script=lambda message: len(message.url) * 0.01).run()
    for exchange in bench.exchanges:
        assert exchange.answer
        assert exchange.answer.body == f"http://target/{exchange.draw.seq}".encode()


@pytest.mark.parametrize("turns", range(8))
def test_draws_that_come_as_callers_are_answered_are_sent(turns: int) -> None:
    batches = count()

    async def with_the_answers(_batch: Sequence[Draw]) -> None:
        if next(batches) == 1:
            await asyncio.sleep(0.1)
            for _ in range(turns):
                await asyncio.sleep(0)

    bench = Bench({"concurrency": 256, "requests": 512}, prepare=with_the_answers).run()
    assert sorted(bench.sequence) == list(range(512))


class Soon(Transport):
    """Loses every message in the next turn of the event loop, as where there can be no such server."""

    def begin(self, message: Message, landed: Landed) -> Sending:
        assert message.url
        asyncio.get_running_loop().call_soon(landed, LostAnswer(Lost.CONNECT))
        return self

    def abort(self) -> None:
        pass

    async def close(self) -> None:
        pass


def test_messages_that_are_lost_at_once_do_not_end_a_phase() -> None:
    bench = Bench({"concurrency": 2, "requests": 20}, transport=Soon()).run()
    assert sorted(bench.sequence) == list(range(20))


def test_a_share_without_a_caller_in_a_phase_goes_on_to_the_next() -> None:
    bench = Bench({"concurrency": 1, "duration": 1.0}, {"concurrency": 2, "requests": 4}, share=Share(1, 2)).run()
    assert [exchange.phase for exchange in bench.exchanges] == [1, 1]


def test_phases_follow_each_other_without_a_gap_and_wait_for_their_own() -> None:
    bench = Bench({"concurrency": 2, "duration": 1.0}, {"rate": 10, "duration": 1.0}, script=lambda _message: 0.6).run()
    edges = [event for event in bench.events if isinstance(event, PhaseStarted | PhaseEnded)]
    assert [(type(edge), edge.index, round(edge.at, 6)) for edge in edges] == [
        (PhaseStarted, 0, 0.0),
        (PhaseEnded, 0, 1.2),
        (PhaseStarted, 1, 1.2),
        (PhaseEnded, 1, 2.7),
    ]
    first_of_second = next(exchange for exchange in bench.exchanges if exchange.phase == 1)
    assert first_of_second.intended == pytest.approx(1.2)
    positions = {edge: bench.events.index(edge) for edge in edges}
    for exchange in bench.exchanges:
        assert (
            positions[edges[2 * exchange.phase]]
            < bench.events.index(exchange)
            < positions[edges[2 * exchange.phase + 1]]
        )


def test_open_loop_sends_on_schedule_whatever_the_target_does() -> None:
    bench = Bench({"rate": 10, "duration": 1.0}, script=lambda _message: 5.0).run()
    assert [round(exchange.intended, 6) for exchange in bench.exchanges] == [step / 10 for step in range(10)]
    assert [exchange.sent for exchange in bench.exchanges] == pytest.approx([x.intended for x in bench.exchanges])
    assert bench.scripted.most_in_flight == 10
    assert bench.engine.lateness.samples == 10
    assert bench.engine.lateness.max_s == pytest.approx(0, abs=1e-6)


def test_arrivals_beyond_max_in_flight_are_missed_and_consume_no_draw() -> None:
    bench = Bench({"rate": 10, "duration": 1.0, "max_in_flight": 3}, script=lambda _message: 0.45).run()
    assert bench.scripted.most_in_flight == 3
    assert [round(missed.at, 6) for missed in bench.missed] == [0.3, 0.4, 0.8, 0.9]
    assert sorted(bench.sequence) == list(range(6))
    assert {missed.phase for missed in bench.missed} == {0}


def test_a_late_dispatch_keeps_its_intended_time() -> None:
    batches = count()

    async def slow_after_the_first(batch: Sequence[Draw]) -> None:
        await asyncio.sleep(3.0 if next(batches) else 0.0)
        assert len(batch) == 256

    bench = Bench({"rate": 256, "duration": 2.0}, prepare=slow_after_the_first).run()
    late = next(exchange for exchange in bench.exchanges if exchange.draw.seq == 256)
    assert late.intended == pytest.approx(1.0)
    assert late.sent == pytest.approx(3.0)
    assert late.latency == pytest.approx(2.1)
    assert late.service == pytest.approx(0.1)
    assert bench.feed.starved_s == pytest.approx(2.0)
    assert len(bench.exchanges) + len(bench.missed) == 512


def test_where_many_are_late_answers_are_read_between_them() -> None:
    batches = count()

    async def slow_after_the_first(_batch: Sequence[Draw]) -> None:
        await asyncio.sleep(3.0 if next(batches) else 0.0)

    phase = {"rate": 512, "duration": 1.0, "max_in_flight": 1000}
    bench = Bench(phase, script=lambda _message: 0.0, prepare=slow_after_the_first).run()
    assert len(bench.exchanges) == 512
    assert max(exchange.sent - exchange.intended for exchange in bench.exchanges) > 2
    assert bench.scripted.most_in_flight < 200


def test_a_starved_caller_sends_nothing_after_the_phase() -> None:
    batches = count()

    async def slow_after_the_first(_batch: Sequence[Draw]) -> None:
        await asyncio.sleep(5.0 if next(batches) else 0.0)

    bench = Bench(
        {"concurrency": 256, "duration": 1.0}, {"concurrency": 1, "requests": 1}, prepare=slow_after_the_first
    )
    bench.run()
    assert sorted(bench.sequence) == list(range(257)), "no draw is lost between the phases"


def test_the_same_seed_has_the_same_poisson_arrivals() -> None:
    def intended(seed: int) -> list[float]:
        phase = {"rate": 50, "duration": 2.0, "arrivals": "poisson"}
        return [round(exchange.intended, 6) for exchange in Bench(phase, phase, seed=seed).run().exchanges]

    assert intended(3) == intended(3) != intended(4)


def test_a_lost_answer_is_told_with_its_reason() -> None:
    bench = Bench({"concurrency": 1, "requests": 2}, script=lambda _message: Lost.DISCONNECTED).run()
    assert [(exchange.answer, exchange.lost) for exchange in bench.exchanges] == [(None, Lost.DISCONNECTED)] * 2


@pytest.mark.parametrize("phase", [{"concurrency": 4, "duration": 60.0}, {"rate": 40, "duration": 60.0}])
def test_stop_lets_what_is_in_flight_finish(phase: dict[str, Any]) -> None:
    bench = Bench(phase, {"concurrency": 1, "requests": 5})

    async def run() -> float:
        asyncio.get_running_loop().call_later(10 + MIDWAY, bench.engine.stop)
        await bench.engine.run()
        return asyncio.get_running_loop().time()

    assert virtually(run()) < 10.2
    assert all(exchange.answer for exchange in bench.exchanges)
    assert max(exchange.done for exchange in bench.exchanges) > 10 + MIDWAY
    assert max(exchange.sent for exchange in bench.exchanges) <= 10 + MIDWAY
    assert [type(event) for event in bench.events if not isinstance(event, Exchange)] == [PhaseStarted, PhaseEnded]


def test_stop_between_two_far_arrivals_does_not_wait_for_the_next() -> None:
    bench = Bench({"rate": "1/h", "duration": "3h"})

    async def run() -> float:
        asyncio.get_running_loop().call_later(10, bench.engine.stop)
        await bench.engine.run()
        return asyncio.get_running_loop().time()

    assert virtually(run()) == pytest.approx(10)


def test_stop_lets_starved_callers_go() -> None:
    batches = count()

    async def never_again(_batch: Sequence[Draw]) -> None:
        await asyncio.sleep(1e6 if next(batches) else 0.0)

    bench = Bench({"concurrency": 8, "duration": "1h"}, prepare=never_again)

    async def run() -> float:
        asyncio.get_running_loop().call_later(100, bench.engine.stop)
        await bench.engine.run()
        return asyncio.get_running_loop().time()

    assert virtually(run()) == pytest.approx(100)
    assert len(bench.exchanges) == 256


def test_stop_before_the_start_sends_nothing() -> None:
    bench = Bench({"concurrency": 1, "duration": 1.0})
    bench.engine.stop()
    bench.run()
    assert bench.events == []


@pytest.mark.parametrize("phase", [{"concurrency": 4, "duration": 60.0}, {"rate": 40, "duration": 60.0}])
def test_cancelling_leaves_at_once_and_tells_what_was_in_flight(phase: dict[str, Any]) -> None:
    bench = Bench(phase)

    async def run() -> float:
        running = asyncio.create_task(bench.engine.run())
        await asyncio.sleep(10 + MIDWAY)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return asyncio.get_running_loop().time()

    assert virtually(run()) == pytest.approx(10 + MIDWAY)
    interrupted = [exchange for exchange in bench.exchanges if exchange.lost is Lost.INTERRUPTED]
    assert len(interrupted) == 4
    assert all(exchange.done == pytest.approx(10 + MIDWAY) for exchange in interrupted)
    assert sorted(bench.sequence) == list(range(len(bench.exchanges)))
    assert isinstance(bench.events[-1], PhaseEnded)


def test_what_prepare_raises_is_raised_as_itself_and_ends_the_run() -> None:
    batches = count()

    async def fails_later(_batch: Sequence[Draw]) -> None:
        await asyncio.sleep(1.0)
        if next(batches):
            raise UsageProblem("the database went away")

    bench = Bench({"concurrency": 2, "duration": 60.0}, script=lambda _message: 0.3, prepare=fails_later)
    with pytest.raises(UsageProblem, match="went away"):
        bench.run()
    assert {exchange.lost for exchange in bench.exchanges} == {None, Lost.INTERRUPTED}


@pytest.mark.parametrize(
    "phase", [{"rate": 100, "duration": 60.0}, {"concurrency": 1, "requests": 1}, {"rate": 10, "requests": 1}]
)
def test_what_emit_raises_is_raised_as_itself(phase: dict[str, Any]) -> None:
    bench = Bench(phase)

    def full(event: Event) -> None:
        if isinstance(event, Ended):
            raise OSError("disk full")

    bench.engine._emit = full
    with pytest.raises(OSError, match="disk full"):
        bench.run()


def test_what_compose_raises_is_raised_as_itself_once_callers_send_by_themselves() -> None:
    bench = Bench({"concurrency": 2, "requests": 60})

    def unsendable(draw: Draw) -> Message:
        if draw.seq == 30:
            raise UsageProblem("a line break in a header")
        return compose(draw)

    bench.engine._compose = unsendable
    with pytest.raises(UsageProblem, match="line break"):
        bench.run()
    assert set(range(30)) <= set(bench.sequence)


def test_memory_does_not_grow_with_the_length_of_the_run() -> None:
    def forget(_event: Event) -> None:
        pass

    def sizes(exchanges: int) -> int:
        bench = Bench(
            {"concurrency": 16, "requests": exchanges},
            {"rate": 10_000, "requests": exchanges},
            script=lambda _message: 0.001,
        )
        bench.engine._emit = forget
        gc.collect()  # an engine that has run and its parts know each other
        tracemalloc.reset_peak()
        bench.run()
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        sizes(500)
        short, long = sizes(1_000), sizes(8_000)
    finally:
        tracemalloc.stop()
    assert long < short * 1.1 + 50_000


def test_what_outlasts_its_draws_patience_is_given_up_on_purpose() -> None:
    takes = iter([0.05, 0.3, 0.05])
    bench = Bench({"concurrency": 1, "requests": 3}, script=lambda _message: next(takes), patience=0.1).run()
    assert [exchange.lost for exchange in bench.exchanges] == [None, Lost.GIVEN_UP, None]
    assert [exchange.answer is None for exchange in bench.exchanges] == [False, True, False]
    assert [exchange.service for exchange in bench.exchanges] == pytest.approx([0.05, 0.1, 0.05])
    assert bench.scripted.in_flight == 0
