import time
from collections import Counter
from pathlib import Path

import jwt as pyjwt
import pytest

from loadcheck.identity.authorizations import Authorizations
from loadcheck.identity.population import Identity, Population
from loadcheck.identity.tokens import Mint
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.target import Jwt
from tests.identity.hand_clock import HandClock

SECRET = "correct horse battery staple, twice over"


def population(size: int, *kinds: TokenKind) -> Population:
    given = [*kinds, *[TokenKind.VALID] * (size - len(kinds))]
    return Population(
        ["keeper"], [Identity(n, 0, f"keeper#{n + 1}", {"n": n}, {}, kind) for n, kind in enumerate(given)]
    )


def authorizations(size: int, clock: HandClock, *kinds: TokenKind, ttl: float = 600) -> tuple[Authorizations, Mint]:
    mint = Mint(Jwt(secret=SECRET, ttl=ttl), Path(), clock)
    return Authorizations(mint, population(size, *kinds), clock), mint


def remaining(header: str | None, clock: HandClock) -> float:
    """Seconds that the token in a header is still valid for."""
    assert header is not None
    payload = pyjwt.decode(header.removeprefix("Bearer "), options={"verify_signature": False})
    return float(payload["exp"]) - clock.wall()


async def test_every_header_is_signed_ahead_and_then_stays() -> None:
    clock = HandClock()
    signed, _ = authorizations(50, clock, TokenKind.MISSING)
    told: list[tuple[int, int]] = []
    await signed.sign_all(lambda done, everyone: told.append((done, everyone)))
    assert told[-1] == (50, 50)
    headers = [signed.authorization(index) for index in range(50)]
    assert headers[0] is None
    assert len({*headers}) == 50
    clock.advance(60)
    assert [signed.authorization(index) for index in range(50)] == headers


def test_a_header_asked_for_early_is_signed_then() -> None:
    clock = HandClock()
    signed, _ = authorizations(3, clock)
    assert remaining(signed.authorization(2), clock) > 599


@pytest.mark.parametrize("ttl", [2, 2.5, 30, 600, 86_400])
async def test_no_header_is_ever_near_its_end(ttl: float) -> None:
    clock = HandClock()
    signed, _ = authorizations(40, clock, ttl=ttl)
    await signed.sign_all()
    for _ in range(400):
        clock.advance(ttl / 97)
        for index in range(40):
            assert remaining(signed.authorization(index), clock) >= 0.15 * (ttl - 1)


async def test_signing_again_is_spread_out() -> None:
    clock = HandClock()
    signed, _ = authorizations(1_000, clock)
    await signed.sign_all()
    before = [signed.authorization(index) for index in range(1_000)]
    changed: Counter[int] = Counter()
    for second in range(600):
        clock.advance(1)
        after = [signed.authorization(index) for index in range(1_000)]
        changed[second] = sum(old != new for old, new in zip(before, after, strict=True))
        before = after
    assert max(changed.values()) < 15
    assert not any(changed[second] for second in range(290))


@pytest.mark.parametrize("jump", [-7_200, -5, 5, 7_200])
async def test_after_a_jump_of_the_wall_clock_everything_is_signed_again(jump: float) -> None:
    clock = HandClock()
    signed, _ = authorizations(5, clock)
    await signed.sign_all()
    before = [signed.authorization(index) for index in range(5)]
    clock.walls += jump
    clock.advance(1)
    after = [signed.authorization(index) for index in range(5)]
    assert not {*before} & {*after}
    assert all(598 < remaining(header, clock) <= 600 for header in after)
    assert signed.jumps == 1


async def test_a_clock_that_is_slewed_has_not_jumped() -> None:
    clock = HandClock()
    signed, _ = authorizations(1, clock)
    for _ in range(300):
        clock.walls += 0.0005
        clock.advance(1)
        signed.authorization(0)
    assert signed.jumps == 0


async def test_a_suspended_process_has_not_seen_a_jump() -> None:
    clock = HandClock()
    signed, _ = authorizations(1, clock)
    clock.advance(3_600)
    assert remaining(signed.authorization(0), clock) > 598
    assert signed.jumps == 0


async def test_a_new_offset_takes_hold_at_once() -> None:
    clock = HandClock()
    signed, mint = authorizations(1, clock)
    await signed.sign_all()
    mint.offset = 100
    signed.sign_again()
    assert remaining(signed.authorization(0), clock) == pytest.approx(700, abs=1)


async def test_signing_gives_way_to_others() -> None:
    class Steps(HandClock):
        def now(self) -> float:
            self.monotonic += 0.01
            return self.monotonic

        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)

    slept: list[float] = []
    signed, _ = authorizations(100, Steps())
    await signed.sign_all()
    assert len(slept) > 10
    assert {*slept} == {0}


def test_nothing_secret_in_reprs() -> None:
    signed, _ = authorizations(2, HandClock(time.time()))
    signed.authorization(0)
    assert repr(signed) == "Authorizations(2)"
