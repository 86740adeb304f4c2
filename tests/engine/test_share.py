"""The shares of a run, put together, are the run."""

from dataclasses import replace
from itertools import chain, islice

from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine.arrivals import arrivals
from loadcheck.engine.draws import Draws
from loadcheck.engine.events import Draw
from loadcheck.engine.randomness import source
from loadcheck.engine.share import WHOLE, Share
from loadcheck.identity.population import populate
from loadcheck.scenario.phase import Phase
from tests.pets import pets

WORKERS = st.integers(1, 9)


def shares(of: int) -> list[Share]:
    return [Share(index, of) for index in range(of)]


@given(WORKERS, st.integers(1, 40), st.one_of(st.none(), st.integers(1, 100)))
def test_callers_and_what_they_send_add_up(of: int, concurrency: int, requests: int | None) -> None:
    phase = Phase(name="p", concurrency=concurrency, requests=requests, duration=None if requests else 1.0)
    parts = [share.phases([phase])[0] for share in shares(of)]
    assert sum(part.concurrency or 0 for part in parts) == concurrency
    assert all(part.concurrency or not part.requests for part in parts)
    if requests is not None:
        assert sum(part.requests or 0 for part in parts) == requests


@given(WORKERS, st.sampled_from(["constant", "poisson"]))
def test_arrivals_are_dealt_out_of_one_schedule(of: int, kind: str) -> None:
    phase = Phase.model_validate({"name": "p", "rate": "50/s", "ramp_to": "90/s", "duration": "2s", "arrivals": kind})
    whole = list(arrivals(phase, source(1)))
    dealt = [list(share.dealt(arrivals(phase, source(1)))) for share in shares(of)]
    assert sorted(chain(*dealt)) == whole
    assert all(part.concurrency is None for share in shares(of) for part in share.phases([phase]))


@given(WORKERS)
def test_every_identity_is_in_a_share_and_no_share_has_a_single_one_of_a_kind(of: int) -> None:
    scenario = pets()
    population = populate(scenario, {})
    members = [[identity.index for identity in share.members(population)] for share in shares(of)]
    assert set(chain(*members)) == set(range(len(population)))
    assert all(len(each) >= 2 for each in members)
    disjoint = len(population) >= 2 * of
    assert (sum(map(len, members)) == len(population)) is (disjoint or of == 1)


@given(WORKERS)
def test_no_two_shares_give_one_number(of: int) -> None:
    scenario = pets()
    population = populate(scenario, {})
    drawn = [islice(share.numbered(Draws(scenario, share.members(population), 1)), 30) for share in shares(of)]
    numbers = [draw.seq for draw in chain(*drawn)]
    assert sorted(numbers) == list(range(30 * of))


def test_a_draw_of_a_share_differs_by_its_number_alone() -> None:
    draw = Draw(seq=3, request=1, identity=2, values=("x",), patience=0.1, pause=0.2, cold=True)
    (numbered,) = Share(1, 2).numbered(iter([draw]))
    assert numbered == replace(draw, seq=7)


def test_the_whole_is_as_it_was() -> None:
    load = pets().load
    assert WHOLE.phases(load) is load
