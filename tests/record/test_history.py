import gzip
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import pytest

from loadcheck.engine.events import Answer, Exchange, Lost
from loadcheck.errors import EnvironmentProblem, UsageProblem
from loadcheck.judge.grounds import NO_GROUNDS, Grounds
from loadcheck.judge.verdict import OK
from loadcheck.oracle.expectation import Expectations
from loadcheck.oracle.stamp import HEADER
from loadcheck.record.folder import RunFolder
from loadcheck.record.history import History
from loadcheck.record.stored_history import read_history
from tests.record.disk import small_disk
from tests.record.samples import BEGUN, FOREIGN, SCENARIO, TIMED_OUT, TOKEN, exchange, population


def history(folder: Path) -> History:
    return History(RunFolder(folder), SCENARIO, population(), Expectations(SCENARIO), BEGUN)


def unpacked(folder: Path) -> bytes:
    """What zcat prints."""
    with gzip.open(RunFolder(folder).history) as file:
        return file.read()


def test_a_line_holds_all_of_an_exchange(tmp_path: Path) -> None:
    body = b'[{"id":17,"name":"Nemo"}]'
    with history(tmp_path) as written:
        written.add(exchange(41, request=1, identity=2, at=4.2, took=0.0123, body=body), FOREIGN, NO_GROUNDS)
    (line,) = read_history(RunFolder(tmp_path).history)
    assert line == {
        "seq": 41,
        "phase": "steady",
        "t": pytest.approx(4.1877),
        "latency_ms": pytest.approx(13.3),
        "service_ms": pytest.approx(12.3),
        "request": "one",
        "identity": "keeper#3",
        "vars": {"id": 42},
        "status": 200,
        "bytes": len(body),
        "answer": blake2b(body, digest_size=16).hexdigest(),
        "headers": {"content-type": "application/json"},
        "verdict": "violation",
        "symptom": "foreign-rows",
        "reason": FOREIGN.reason,
        "source": "keeper#17",
        "body": body.decode(),
    }


@pytest.mark.parametrize("ranged", [{}, {"content-range": "0-0/*"}])
@pytest.mark.parametrize("stamped", [{}, {HEADER: 'a "quoted" stamp'}])
def test_an_answer_that_was_recognised_gets_the_line_that_it_would_have_had(
    tmp_path: Path, ranged: dict[str, str], stamped: dict[str, str]
) -> None:
    first = exchange(3, request=1)
    assert first.answer is not None
    again = Grounds(answer=first.answer.digest)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    with history(tmp_path / "one") as one, history(tmp_path / "other") as other:
        for seq in range(3):
            answer = Answer(200, {"content-type": "application/json", **ranged, **stamped}, first.answer.body)
            made = replace(exchange(seq, request=1), answer=answer)
            one.add(made, OK, again)
            other.add(made, OK, NO_GROUNDS)
    lines = [list(read_history(RunFolder(tmp_path / name).history)) for name in ("one", "other")]
    assert lines[0] == lines[1]
    assert lines[0][2].get("headers", {}) == ranged | stamped


def test_an_ok_answer_leaves_its_digest_and_a_lost_one_its_reason(tmp_path: Path) -> None:
    with history(tmp_path) as written:
        written.add(exchange(0), OK, NO_GROUNDS)
        written.add(exchange(1, lost=Lost.TIMEOUT), TIMED_OUT, NO_GROUNDS)
    good, lost = read_history(RunFolder(tmp_path).history)
    assert "body" not in good
    assert (good["verdict"], good["symptom"], good["source"]) == ("ok", None, None)
    assert (lost["lost"], lost["answer"], lost["bytes"]) == ("time-out", None, None)
    assert "status" not in lost


def test_a_body_is_cut_at_4_kb_and_never_breaks_the_line(tmp_path: Path) -> None:
    with history(tmp_path) as written:
        written.add(exchange(0, body=b"\xff\x00\n\x1b[31m" + b"x" * 10**6), FOREIGN, NO_GROUNDS)
    (line,) = read_history(RunFolder(tmp_path).history)
    assert len(line["body"].encode()) <= 4096 + 2
    assert line["bytes"] == 10**6 + 8


def test_a_token_that_the_answer_echoes_is_not_kept(tmp_path: Path) -> None:
    with history(tmp_path) as written:
        written.add(exchange(0, body=json.dumps({"authorization": f"Bearer {TOKEN}"}).encode()), FOREIGN, NO_GROUNDS)
        written.add(exchange(0, body=b"x" * 4050 + TOKEN.encode()), FOREIGN, NO_GROUNDS)
    text = unpacked(tmp_path).decode()
    assert "eyJ" not in text
    assert text.count("[token]") == 2


def test_a_variable_of_more_than_64_bits_is_kept(tmp_path: Path) -> None:
    made = exchange(0, request=1)
    huge = Exchange(made.draw.__class__(0, 1, 0, (10**30,)), 1, made.intended, made.sent, made.done, made.answer)
    with history(tmp_path) as written:
        written.add(huge, OK, NO_GROUNDS)
    assert b'"id": 1000000000000000000000000000000' in unpacked(tmp_path)


def test_everything_is_kept_in_whole_chunks_that_the_run_flushes(tmp_path: Path) -> None:
    with history(tmp_path) as written:
        for seq in range(5000):
            written.add(exchange(seq, body=str(seq).encode()), OK, NO_GROUNDS)
    stored = read_history(RunFolder(tmp_path).history)
    assert [line["seq"] for line in stored] == list(range(5000))
    assert (stored.cut, list(stored.damages)) == (False, [])
    assert unpacked(tmp_path).count(b"\n") == written.kept["lines"] == 5000


WRITES_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from loadcheck.judge.grounds import NO_GROUNDS
from loadcheck.judge.verdict import OK
from loadcheck.oracle.expectation import Expectations
from loadcheck.record.folder import RunFolder
from tests.record.disk import small_disk
from tests.record.samples import exchange
from tests.record.test_history import NO_GROUNDS, history
from loadcheck.record.stored_history import read_history
folder = Path(sys.argv[1])
written = history(folder)
for seq in range(3000):
    written.add(exchange(seq), OK, NO_GROUNDS)
while len(list(read_history(folder / "history.ndjson.gz"))) < 3000:
    time.sleep(0.05)
print("flushed", flush=True)
time.sleep(60)
"""


def test_a_kill_leaves_every_line_that_is_a_second_old(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_UNTIL_KILLED, tmp_path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "flushed\n"
        process.send_signal(signal.SIGKILL)
    stored = read_history(RunFolder(tmp_path).history)
    assert len(list(stored)) == 3000
    assert stored.cut


def fill_up(written: History) -> None:
    """Put a device that refuses every write, as a full disk does, where the history's file was."""
    with Path("/dev/full").open("wb") as full:
        os.dup2(full.fileno(), written._file._file.fileno())


def add_many(written: History, count: int) -> None:
    for seq in range(count):
        written.add(exchange(seq), OK, NO_GROUNDS)


def test_a_full_disk_ends_the_run_with_advice(tmp_path: Path) -> None:
    written = history(tmp_path)
    fill_up(written)
    with pytest.raises(EnvironmentProblem, match="No space left") as caught:
        add_many(written, 1_000_000)
    assert "--out" in caught.value.advice
    with pytest.raises(EnvironmentProblem):
        written.close()


def test_a_disk_that_fills_up_at_the_very_end_is_told_by_close(tmp_path: Path) -> None:
    written = history(tmp_path)
    fill_up(written)
    written.add(exchange(0), OK, NO_GROUNDS)
    with pytest.raises(EnvironmentProblem, match="No space left"):
        written.close()
    with pytest.raises(EnvironmentProblem):
        written.close()


def test_a_disk_that_fills_up_at_once_keeps_what_it_has_room_for(tmp_path: Path) -> None:
    with small_disk(8 << 10):
        written = history(tmp_path)
        written.add_all([(exchange(seq), OK, NO_GROUNDS) for seq in range(5000)])
        with pytest.raises(EnvironmentProblem, match="File too large"):
            written.close()
    stored = read_history(RunFolder(tmp_path).history)
    kept = [line["seq"] for line in stored]
    assert kept == list(range(len(kept)))
    assert kept
    assert stored.cut


def test_what_ended_the_run_goes_before_what_the_history_says(tmp_path: Path) -> None:
    written = history(tmp_path)
    fill_up(written)
    written.add(exchange(0), OK, NO_GROUNDS)
    with pytest.raises(KeyError), written:
        raise KeyError


def test_a_history_is_never_overwritten(tmp_path: Path) -> None:
    RunFolder(tmp_path).history.write_text("another run's")
    with pytest.raises(EnvironmentProblem, match="exists"):
        history(tmp_path)


def test_a_missing_history_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="no history"):
        list(read_history(tmp_path / "none.gz"))
