"""What led to a finding, from exchanges as they ended."""

from loadcheck.engine.events import Answer, Draw, Exchange
from loadcheck.judge.trail import Led, Trail


def exchange(seq: int, identity: int, pid: int | None, at: int = 0) -> Exchange:
    headers = {} if pid is None else {"loadcheck-stamp": f"{pid} {at or seq} {'a' * 32} nonce role"}
    return Exchange(Draw(seq, 0, identity), 0, seq, seq, seq + 1.0, Answer(200, headers, b"[]"))


def trail(*exchanges: Exchange) -> Trail:
    kept = Trail()
    for one in exchanges:
        kept.add(one)
    return kept


def seqs(draws: tuple[Draw, ...]) -> list[int]:
    return [draw.seq for draw in draws]


def test_the_uses_of_the_backend_come_in_the_order_of_its_transactions() -> None:
    victim = exchange(6, 3, 10, at=60)
    told = trail(
        exchange(3, 1, 10, at=50),
        exchange(2, 2, 10, at=40),
        exchange(4, 1, 11, at=41),
        exchange(5, 4, 10, at=70),
        victim,
    ).led_to(victim)
    assert seqs(told.backend) == [2, 3, 6]
    assert seqs(told.anywhere) == [2, 3, 4, 5, 6]


def test_an_answer_without_a_stamp_was_led_to_by_all_before_it() -> None:
    victim = exchange(3, 3, None)
    told = trail(exchange(1, 1, 10), exchange(2, 2, None), victim, exchange(4, 1, 10)).led_to(victim)
    assert told == Led((), (Draw(1, 0, 1), Draw(2, 0, 2), Draw(3, 0, 3)))


def test_what_others_have_seen_of_the_beginning_comes_after_what_was_sent_before_it() -> None:
    kept = trail(exchange(-2, 1, 10), exchange(-1, 2, 10))
    kept.begin_with(Draw(seq, 0, 1) for seq in range(500))
    assert seqs(kept.beginning) == [-2, -1, *range(398)]


def test_memory_does_not_grow_with_the_run() -> None:
    kept = Trail()
    for seq in range(10_000):
        kept.add(exchange(seq, 1, 10))
    last = exchange(10_000, 2, 10)
    assert len(kept.beginning) == 400
    assert len(kept.led_to(last).anywhere) <= 301
    assert len(kept.led_to(last).backend) <= 65
