"""The model of writes against a database made of a dict: never a false alarm, and no loss that goes unseen."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadcheck.engine.events import Answer, Draw
from loadcheck.judge.holdings import LINGERS_S, Holdings, Place
from loadcheck.judge.inspection import Discrepancy, Inspection, Sighting, Wrong
from loadcheck.judge.writes import Ended, Look, Write, ended
from loadcheck.oracle.marks import Mark
from loadcheck.scenario.writes import Does

TABLE = "entries"
OWNERS = "ab"
KEYS = "12"
Rows = dict[tuple[str, str], int]


@dataclass
class Server:
    """Does what PostgreSQL does with single-row writes and with writes of all rows of one owner."""

    rows: Rows = field(default_factory=dict)

    def apply(self, place: Place, does: Does, seq: int) -> bool:
        """Apply a write; False when it is refused, as a second row with the same key is."""
        keys = [place.key] if place.key is not None else [key for owner, key in self.rows if owner == place.owner]
        for key in keys:
            at = (place.owner, key)
            there = at in self.rows
            if does is Does.INSERT and there:
                return False
            if does is Does.DELETE:
                self.rows.pop(at, None)
            elif does in {Does.UPSERT, Does.INSERT} or there is (does is Does.UPDATE):
                self.rows[at] = seq
        return True


@dataclass
class Sent:
    place: Place
    write: Write
    applied: bool | None = None


class Run:
    """A run whose every step is decided from outside."""

    def __init__(self) -> None:
        self.server = Server()
        self.holdings = Holdings()
        self.now = 0.0
        self.seq = 0
        self.sent: dict[int, Sent] = {}
        self.lost: list[Sent] = []
        self.looks: dict[int, Rows | None] = {}

    def tick(self) -> float:
        self.now += 1
        return self.now

    def send(self, owner: str, key: str | None, does: Does) -> int:
        self.seq += 1
        identity = OWNERS.index(owner)
        place = Place(TABLE, owner, key)
        sent = Sent(place, Write(Draw(self.seq, 0, identity), does, self.tick()))
        self.sent[self.seq] = sent
        self.holdings.send(place, sent.write)
        return self.seq

    def apply(self, sent: Sent) -> None:
        sent.applied = self.server.apply(sent.place, sent.write.does, sent.write.draw.seq)

    def answer(self, seq: int) -> None:
        sent = self.sent.pop(seq)
        self.holdings.end(seq, Ended.ACKNOWLEDGED if sent.applied else Ended.REFUSED, self.tick())

    def lose(self, seq: int) -> None:
        self.lost.append(self.sent.pop(seq))
        self.holdings.end(seq, Ended.UNKNOWN, self.tick())

    def do(self, owner: str, key: str | None, does: Does) -> int:
        """Send, apply and answer a write, alone."""
        seq = self.send(owner, key, does)
        self.apply(self.sent[seq])
        self.answer(seq)
        return seq

    def look(self) -> None:
        self.seq += 1
        self.looks[self.seq] = None
        self.holdings.look(self.seq, self.tick())

    def looked(self, number: int) -> list[Discrepancy]:
        rows = self.looks.pop(number)
        return list(inspect(self.holdings, self.holdings.looked(number, self.tick()), rows or {}))

    def unapplied(self) -> list[Sent]:
        return [each for each in [*self.sent.values(), *self.lost] if each.applied is None]

    def options(self) -> dict[str, list[int]]:
        """Return what may happen next, and to which write or look."""
        return {
            "send": [0],
            "look": [0],
            "tidy": [0],
            "late": [0],
            "lose": list(self.sent),
            "apply": list(range(len(self.unapplied()))),
            "answer": [seq for seq, each in self.sent.items() if each.applied is not None],
            "read": [number for number, rows in self.looks.items() if rows is None],
            "looked": [number for number, rows in self.looks.items() if rows is not None],
        }

    def act(self, action: str, at: int) -> None:
        match action:
            case "apply":
                self.apply(self.unapplied()[at])
            case "answer":
                self.answer(at)
            case "lose":
                self.lose(at)
            case "look":
                self.look()
            case "read":
                self.looks[at] = dict(self.server.rows)
            case "looked":
                assert self.looked(at) == []
            case "tidy":
                self.holdings.tidy(self.now)
            case "late":  # what was lost long ago happens no more
                self.lost.clear()
                self.now += LINGERS_S

    def audit(self) -> list[Discrepancy]:
        self.look()
        self.holdings.tidy(self.now)
        self.looks[self.seq] = dict(self.server.rows)
        return self.looked(self.seq)


class Names:
    def owner_of(self, table: str, identity: int) -> str:  # noqa: ARG002 -- the protocol's signature
        return OWNERS[identity]

    def show(self, place: Place, write: Write) -> str:
        return f"{place.owner}{place.key}: {write.draw.seq}"


def inspect(holdings: Holdings, look: Look, rows: Rows, writers: Rows | None = None) -> Iterator[Discrepancy]:
    inspection = Inspection(holdings, Names(), TABLE, look)
    for (owner, key), seq in rows.items():
        identity = (writers or {}).get((owner, key), OWNERS.index(owner))
        found = inspection.add(Sighting(Mark(0, identity, seq), owner, key, ""), owner)
        if found is not None:
            yield found
    for owner in OWNERS:
        yield from inspection.missing(owner)


def a_write(data: st.DataObject) -> tuple[str, str | None, Does]:
    does = data.draw(st.sampled_from(Does), "does")
    key = st.sampled_from([*KEYS, None]) if does in {Does.UPDATE, Does.DELETE} else st.sampled_from(KEYS)
    return data.draw(st.sampled_from(OWNERS), "owner"), data.draw(key, "key"), does


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_order_of_writes_losses_and_looks_on_a_right_server_is_called_wrong(data: st.DataObject) -> None:
    run = Run()
    for _ in range(data.draw(st.integers(1, 40), "steps")):
        options = run.options()
        action = data.draw(st.sampled_from([name for name, several in options.items() if several]), "action")
        if action == "send":
            run.send(*a_write(data))
        else:
            run.act(action, data.draw(st.sampled_from(options[action]), "at"))
    assert run.audit() == []


def test_a_write_without_an_answer_that_somebody_found_is_not_one_that_may_still_happen() -> None:
    run = Run()
    seq = run.send("a", "1", Does.INSERT)
    run.send("a", "2", Does.INSERT)
    run.apply(run.sent[seq])
    run.lose(seq)
    assert run.holdings.unanswered(TABLE, run.now) == 2
    assert run.audit() == []
    assert run.holdings.unanswered(TABLE, run.now) == 1


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_every_write_that_is_dropped_is_found_if_it_would_show(data: st.DataObject) -> None:
    run, right = Run(), Server()
    count = data.draw(st.integers(1, 12), "writes")
    dropped = data.draw(st.integers(1, count), "dropped")
    for number in range(1, count + 1):
        owner, key, does = a_write(data)
        seq = run.send(owner, key, does)
        would = right.apply(run.sent[seq].place, does, seq)
        run.sent[seq].applied = would  # the answer is as if nothing had been dropped
        if would and number != dropped:
            run.server.apply(run.sent[seq].place, does, seq)
        run.answer(seq)
        if data.draw(st.booleans(), "tidy"):
            run.holdings.tidy(run.now)
    assert bool(run.audit()) is (run.server.rows != right.rows)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_every_row_that_is_written_to_another_owner_is_found(data: st.DataObject) -> None:
    run = Run()
    for _ in range(data.draw(st.integers(0, 8), "others")):
        run.do(*a_write(data))
    seq = run.do("a", "3", Does.UPSERT)
    rows = run.server.rows
    rows["b", "3"] = rows.pop(("a", "3"))
    run.look()
    look = run.holdings.looked(run.seq, run.tick())
    found = list(inspect(run.holdings, look, rows, {("b", "3"): 0}))
    assert {(each.wrong, each.place.owner, each.place.key) for each in found} == {
        (Wrong.FOREIGN, "b", "3"),
        (Wrong.GONE, "a", "3"),
    }
    (gone,) = (each for each in found if each.wrong is Wrong.GONE)
    assert gone.expected is not None
    assert gone.expected.draw.seq == seq


@pytest.mark.parametrize(("applied", "undecided"), [(True, 1), (False, 0)])
def test_only_what_a_lost_write_may_have_removed_is_undecided(applied: bool, undecided: int) -> None:  # noqa: FBT001 -- a case
    run = Run()
    run.do("a", "1", Does.INSERT)
    run.do("a", "2", Does.INSERT)
    run.do("a", "2", Does.DELETE)
    lost = run.send("a", "1", Does.DELETE)
    if applied:
        run.apply(run.sent[lost])
    run.lose(lost)
    inspection = Inspection(run.holdings, Names(), TABLE, Look(run.tick(), run.tick()))
    for (owner, key), seq in run.server.rows.items():
        assert inspection.add(Sighting(Mark(0, 0, seq), owner, key, ""), owner) is None
    assert list(inspection.missing("a")) == []
    assert inspection.undecided == undecided


def test_a_row_that_is_seen_and_then_goes_names_who_may_have_removed_it() -> None:
    run = Run()
    run.do("a", "1", Does.INSERT)
    assert run.audit() == []
    sweep = run.do("b", None, Does.DELETE)
    run.server.rows.clear()
    (found,) = run.audit()
    assert (found.wrong, found.place.owner) == (Wrong.GONE, "a")
    assert found.suspect is not None
    assert found.suspect.draw.seq == sweep


def test_a_row_that_was_never_seen_is_lost_and_nobody_is_suspected() -> None:
    run = Run()
    run.do("a", "1", Does.INSERT)
    run.do("b", None, Does.DELETE)
    run.server.rows.clear()
    (found,) = run.audit()
    assert (found.wrong, found.suspect) == (Wrong.GONE, None)


@pytest.mark.parametrize(("there", "wrong"), [(True, Wrong.STALE), (False, Wrong.GONE)])
def test_what_a_look_misses_is_what_was_acknowledged_before_it(there: bool, wrong: Wrong) -> None:  # noqa: FBT001 -- a case
    run = Run()
    first = run.do("a", "1", Does.UPSERT)
    lost = run.do("a", "1", Does.UPSERT)
    run.server.rows = {("a", "1"): first} if there else {}
    run.look()
    number = run.seq
    run.looks[number] = dict(run.server.rows)
    run.do("a", "1", Does.UPSERT)
    (found,) = run.looked(number)
    assert found.expected is not None
    assert (found.wrong, found.expected.draw.seq) == (wrong, lost)


def test_a_refused_write_that_is_there_is_found() -> None:
    run = Run()
    seq = run.send("a", "1", Does.INSERT)
    run.sent[seq].applied = False
    run.answer(seq)
    run.server.rows["a", "1"] = seq
    (found,) = run.audit()
    assert found.wrong is Wrong.REFUSED


def test_a_row_found_twice() -> None:
    run = Run()
    seq = run.do("a", "1", Does.INSERT)
    run.look()
    inspection = Inspection(run.holdings, Names(), TABLE, run.holdings.looked(run.seq, run.tick()))
    row = Sighting(Mark(0, 0, seq), "a", "1", "")
    assert inspection.add(row, "a") is None
    again = inspection.add(row, "a")
    assert again is not None
    assert again.wrong is Wrong.TWICE


def test_looks_that_overlap_do_not_disturb_each_other() -> None:
    run = Run()
    seq = run.do("a", "1", Does.INSERT)
    run.look()
    long, row = run.seq, Sighting(Mark(0, 0, seq), "a", "1", "")
    audit = Inspection(run.holdings, Names(), TABLE, Look(run.now, run.tick()))
    assert audit.add(row, "a") is None
    assert run.audit() == []
    assert list(audit.missing("a")) == []
    run.holdings.looked(long, run.tick())


def test_a_discrepancy_that_is_accepted_is_told_once() -> None:
    run = Run()
    run.do("a", "1", Does.UPSERT)
    run.server.rows.clear()
    (found,) = run.audit()
    run.holdings.accept(found.place, found.value, found.look, None)
    assert run.audit() == []
    run.do("a", "1", Does.UPSERT)
    assert run.audit() == []
    run.server.rows.clear()
    assert len(run.audit()) == 1


def test_what_is_deleted_and_what_is_overwritten_is_forgotten() -> None:
    run = Run()
    for number in range(200):
        run.do("a", str(number), Does.INSERT)
        run.do("a", str(number), Does.DELETE)
        for does in (Does.IGNORE, Does.UPSERT, Does.UPDATE, Does.IGNORE):
            run.do("b", "1", does)
        run.do("b", None, Does.UPDATE)
        run.holdings.tidy(run.now)
    assert run.holdings.rows == 1
    (row,) = run.holdings.owned(TABLE, "b").rows.values()
    assert len(row.writes) == 1
    assert run.holdings.owned(TABLE, "b").sweeps == []


@pytest.mark.parametrize(
    ("status", "headers", "body", "outcome"),
    [
        (201, {}, b"", Ended.ACKNOWLEDGED),
        (204, {"preference-applied": "tx=rollback"}, b"", Ended.REFUSED),
        (403, {}, b'{"code": "42501"}', Ended.REFUSED),
        (409, {}, b'{"code": "23505"}', Ended.REFUSED),
        (408, {}, b"", Ended.UNKNOWN),
        (400, {}, b'{"code": ""}', Ended.UNKNOWN),
        (400, {}, b'{"code": "08P01"}', Ended.UNKNOWN),
        (404, {}, b"<html>", Ended.UNKNOWN),
        (429, {}, b"", Ended.UNKNOWN),
        (500, {}, b'{"code": "57014"}', Ended.UNKNOWN),
        (503, {}, b'{"code": "PGRST001"}', Ended.UNKNOWN),
        (302, {}, b"", Ended.UNKNOWN),
    ],
)
def test_what_came_of_a_write(status: int, headers: dict[str, str], body: bytes, outcome: Ended) -> None:
    assert ended(Answer(status, headers, body)) is outcome


def test_what_came_of_a_write_whose_answer_is_lost() -> None:
    assert ended(None) is Ended.UNKNOWN
