from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.draws import Draws
from loadcheck.engine.events import Draw
from loadcheck.engine.hunting import REPEATS
from loadcheck.identity.population import Identity
from loadcheck.scenario.model import Scenario

SIZES = {"keeper": 5, "support": 2, "no-claim": 1, "anonymous": 1, "expired": 1, "nobody": 2, "silent": 2}
MIXES = list(SIZES)
HUNTED = {0, 1, 2, 3}  # the others' tokens are refused, or they have no weight


def scenario(**hunt: float) -> Scenario:
    keeper = {"role": "r", "user_type": "{n}"}
    return Scenario.model_validate(
        {
            "name": "hunting",
            "hunt": hunt,
            "identities": [
                {"name": "keeper", "weight": 90, "count": 5, "claims": keeper},
                {"name": "support", "weight": 1, "count": 2, "claims": {**keeper, "act_as": "{n}"}},
                {"name": "no-claim", "weight": 1, "claims": {"role": "r"}},
                {"name": "anonymous", "weight": 1, "token": "missing"},
                {"name": "expired", "weight": 5, "token": "expired", "claims": keeper},
                {"name": "nobody", "weight": 2, "count": 2, "token": "missing", "expect": {"status": 401}},
                {"name": "silent", "weight": 0, "count": 2, "claims": keeper},
            ],
            "requests": [
                {
                    "name": "one",
                    "weight": 3,
                    "get": "/a?id=eq.{id}",
                    "vars": {"id": {"int": [1, 10**9]}},
                    "expect": {"rows": []},
                },
                {
                    "name": "add",
                    "weight": 1,
                    "post": "/a",
                    "body": {"id": "{id}"},
                    "vars": {"id": "uuid"},
                    "expect": {"status": 201},
                },
                {"name": "never", "weight": 0, "get": "/b", "expect": {"rows": []}},
            ],
        }
    )


def population() -> list[Identity]:
    mixes = [mix for mix, size in enumerate(SIZES.values()) for _ in range(size)]
    return [Identity(index, mix, f"i{index}", {}, {}) for index, mix in enumerate(mixes)]


KIND = {identity.index: identity.mix for identity in population()}


def drawn(count: int, seed: int = 1, **hunt: float) -> list[Draw]:
    return list(islice(Draws(scenario(**hunt), population(), seed), count))


def hunts(draws: Iterable[Draw]) -> list[list[Draw]]:
    """Split a sequence that does nothing but hunt."""
    by_hunt = defaultdict(list)
    for draw in draws:
        by_hunt[draw.seq // REPEATS].append(draw)
    return list(by_hunt.values())


def content(draw: Draw) -> tuple[object, ...]:
    return draw.request, draw.identity, draw.values


@given(st.integers(0, 100), st.integers())
def test_hunting_takes_its_share_and_leaves_the_rest_as_it_was(percent: int, seed: int) -> None:
    share = percent / 100
    draws = drawn(200, seed, share=share)
    assert [draw.seq for draw in draws] == list(range(200))
    by_weight = iter(content(draw) for draw in drawn(200, seed, share=0))
    expected = next(by_weight)
    rest = 0
    for draw in draws:
        if content(draw) == expected:
            rest += 1
            expected = next(by_weight, ())
    assert rest == pytest.approx(200 * (1 - share), abs=REPEATS)


def test_the_same_seed_hunts_the_same() -> None:
    assert drawn(500) == drawn(500)
    assert drawn(500) != drawn(500, seed=2)
    assert drawn(500) != drawn(500, share=0)


@given(st.integers())
def test_every_kind_follows_every_kind_in_both_orders(seed: int) -> None:
    seen = Counter(
        (KIND[one.identity], KIND[next_.identity])
        for hunt in hunts(drawn(400, seed, share=1))
        for one, next_ in pairwise(hunt)
    )
    alone = {(mix, mix) for mix in HUNTED if list(SIZES.values())[mix] == 1}
    assert set(seen) == {(one, other) for one in HUNTED for other in HUNTED} - alone


@given(st.integers())
def test_a_claim_less_exchange_follows_a_claim_bearing_one_at_once(seed: int) -> None:
    kinds = [MIXES[KIND[draw.identity]] for draw in drawn(2 * REPEATS, seed, share=1)]
    assert {"no-claim", "anonymous"} & set(kinds[1:])
    assert {"keeper", "support"} & set(kinds[:-1])


def test_rare_kinds_are_no_longer_rare() -> None:
    kinds = Counter(KIND[draw.identity] for draw in drawn(4_000, share=1))
    assert set(kinds) == HUNTED
    assert min(kinds.values()) > 4_000 / 8


@given(st.integers())
def test_a_hunt_is_one_request_each_time_by_another_identity(seed: int) -> None:
    for hunt in hunts(drawn(10 * REPEATS, seed, share=1)):
        assert len({draw.request for draw in hunt}) == 1
        assert all(one.identity != other.identity for one, other in pairwise(hunt))
        different_values = len({draw.values for draw in hunt})
        assert different_values == (1 if hunt[0].request == 0 else REPEATS)


def test_requests_keep_their_shares() -> None:
    requests = Counter(draw.request for draw in drawn(1_000 * REPEATS, share=1))
    assert set(requests) == {0, 1}
    assert requests[0] / 1_000 / REPEATS == pytest.approx(0.75, abs=0.05)


def test_some_hunting_reads_are_given_up_and_nothing_else_is() -> None:
    draws = drawn(8_000, share=0.5, aborts=0.1)
    given_up = [draw for draw in draws if draw.patience is not None]
    assert {draw.request for draw in given_up} == {0}
    assert len(given_up) == pytest.approx(8_000 * 0.5 * 0.75 * 0.1, rel=0.3)
    assert not any(draw.patience for draw in drawn(1_000, share=0.5, aborts=0))
    plain = [content(draw) for draw in drawn(1_000, aborts=0)]
    assert [content(draw) for draw in drawn(1_000, aborts=1)] == plain


def test_some_hunting_reads_are_slow_and_some_hunts_begin_on_fresh_backends() -> None:
    draws = drawn(16_000, share=0.5, slow=0.1, cold=0.1)
    slow, cold = [draw for draw in draws if draw.pause], [draw for draw in draws if draw.cold]
    assert {draw.request for draw in slow} == {0}
    assert len(slow) == pytest.approx(16_000 * 0.5 * 0.75 * 0.1, rel=0.3)
    assert len(cold) == pytest.approx(16_000 * 0.5 / REPEATS * 0.1, rel=0.3)
    assert not any(draw.pause or draw.cold for draw in drawn(1_000, share=0.5, slow=0, cold=0))
    plain = [content(draw) for draw in drawn(1_000, slow=0, cold=0)]
    assert [content(draw) for draw in drawn(1_000, slow=1, cold=1)] == plain


def test_a_hunt_asks_for_fresh_backends_once_as_it_begins() -> None:
    for hunt in hunts(drawn(20 * REPEATS, share=1, cold=1)):
        assert [draw.cold for draw in hunt] == [True] + [False] * (REPEATS - 1)


def test_one_identity_has_nobody_to_follow() -> None:
    alone = [Identity(0, 0, "i0", {}, {})]
    draws = [list(islice(Draws(scenario(share=share), alone, 1), 50)) for share in (0.0, 1.0)]
    assert draws[0] == draws[1]
