"""Who may have removed a row is asked of the others where nobody of this process may have, and the last is told."""

from collections.abc import Sequence

from loadcheck.engine.events import Draw
from loadcheck.judge.attribution import Standing, of_table
from loadcheck.judge.holdings import Holdings, Place
from loadcheck.judge.inspection import Discrepancy, Wrong
from loadcheck.judge.verdict import Ruling, Symptom
from loadcheck.judge.writes import Ended, Look, Write
from loadcheck.run.judging.suspicion import Gone, Told, last_of, suspected, suspects
from loadcheck.scenario.writes import Does

ROW = Place("entries", "a", "1")
LOOK = Look(5.0, 6.0)


def deleted(identity: int, sent: float) -> Write:
    return Write(Draw(identity, 0, identity), Does.DELETE, sent)


async def test_only_of_rows_that_somebody_has_seen_and_nobody_here_has_removed() -> None:
    asked: list[Gone] = []

    async def ask(rows: Sequence[Gone]) -> Told:
        asked.extend(rows)
        return Told([deleted(7, 1.0)])

    known = Discrepancy(Wrong.GONE, ROW, LOOK, suspect=deleted(1, 2.0), seen=4.0)
    unseen, stale = Discrepancy(Wrong.GONE, ROW, LOOK), Discrepancy(Wrong.STALE, ROW, LOOK)
    gone = Discrepancy(Wrong.GONE, ROW, LOOK, seen=4.0)
    found = await suspected([known, unseen, gone, stale], 3.0, ask)
    assert asked == [Gone(ROW, 1.0)]
    assert [each.suspect and each.suspect.draw.identity for each in found] == [1, None, 7, None]
    assert await suspected([known, unseen, stale], 3.0, ask) == [known, unseen, stale]
    assert len(asked) == 1


async def test_where_not_all_could_be_asked_a_row_that_nobody_is_suspected_of_is_nobodys_violation() -> None:
    async def ask(_: Sequence[Gone]) -> Told:
        return Told([deleted(7, 1.0), None], "worker 2 is silent")

    row, other = (Discrepancy(Wrong.GONE, place, LOOK, seen=4.0) for place in (ROW, Place("entries", "a", "2")))
    found = await suspected([row, other], 3.0, ask)
    assert [each.doubt for each in found] == ["", "worker 2 is silent"]
    told = [of_table(each, Standing()) for each in found]
    assert [(verdict.ruling, verdict.symptom) for verdict in told] == [
        (Ruling.VIOLATION, Symptom.CROSS_WRITE),
        (Ruling.UNKNOWN, None),
    ]


def test_a_write_of_another_owner_that_ended_later_is_suspect_by_the_runs_own_time() -> None:
    holdings = Holdings()
    holdings.send(Place("entries", "b"), deleted(2, 11.0))
    holdings.end(2, Ended.ACKNOWLEDGED, 12.0)
    assert suspects(holdings, [Gone(ROW, 2.5)], 10.0) == [None]
    (found,) = suspects(holdings, [Gone(ROW, 1.5)], 10.0)
    assert found is not None
    assert (found.draw.identity, found.sent, found.done) == (2, 1.0, 2.0)


def test_of_several_the_last_is_told() -> None:
    early, late = deleted(1, 1.0), deleted(2, 2.0)
    assert last_of([[None, early], [None, late], [None, None]]) == [None, late]
