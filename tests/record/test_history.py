import json
import os
import signal
import subprocess
import sys
import zlib
from hashlib import blake2b
from pathlib import Path

import pytest

from loadcheck.engine.events import Exchange, Lost
from loadcheck.errors import EnvironmentProblem, UsageProblem
from loadcheck.judge.verdict import OK
from loadcheck.record.history import History
from loadcheck.record.stored_history import read_history
from tests.record.samples import FOREIGN, SCENARIO, TIMED_OUT, TOKEN, exchange, population


def history(path: Path) -> History:
    return History(path, SCENARIO, population())


def test_a_line_holds_all_of_an_exchange(tmp_path: Path) -> None:
    path = tmp_path / "h.gz"
    body = b'[{"id":17,"name":"Nemo"}]'
    with history(path) as written:
        written.add(exchange(41, request=1, identity=2, at=4.2, took=0.0123, body=body), FOREIGN)
    (line,) = read_history(path)
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
        "verdict": "violation",
        "symptom": "foreign-rows",
        "reason": FOREIGN.reason,
        "source": "keeper#17",
        "body": body.decode(),
    }


def test_an_ok_answer_leaves_its_digest_and_a_lost_one_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "h.gz"
    with history(path) as written:
        written.add(exchange(0), OK)
        written.add(exchange(1, lost=Lost.TIMEOUT), TIMED_OUT)
    good, lost = read_history(path)
    assert "body" not in good
    assert (good["verdict"], good["symptom"], good["source"]) == ("ok", None, None)
    assert (lost["lost"], lost["answer"], lost["bytes"]) == ("time-out", None, None)
    assert "status" not in lost


def test_a_body_is_cut_at_4_kb_and_never_breaks_the_line(tmp_path: Path) -> None:
    path = tmp_path / "h.gz"
    with history(path) as written:
        written.add(exchange(0, body=b"\xff\x00\n\x1b[31m" + b"x" * 10**6), FOREIGN)
    (line,) = read_history(path)
    assert len(line["body"].encode()) <= 4096 + 2
    assert line["bytes"] == 10**6 + 8


def test_a_token_that_the_answer_echoes_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "h.gz"
    with history(path) as written:
        written.add(exchange(0, body=json.dumps({"authorization": f"Bearer {TOKEN}"}).encode()), FOREIGN)
        written.add(exchange(0, body=b"x" * 4050 + TOKEN.encode()), FOREIGN)
    text = zlib.decompress(path.read_bytes(), 31).decode()
    assert "eyJ" not in text
    assert text.count("[token]") == 2


def test_a_variable_of_more_than_64_bits_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "h.gz"
    made = exchange(0, request=1)
    huge = Exchange(made.draw.__class__(0, 1, 0, (10**30,)), 1, made.intended, made.sent, made.done, made.answer)
    with history(path) as written:
        written.add(huge, OK)
    assert b'"id": 1000000000000000000000000000000' in zlib.decompress(path.read_bytes(), 31)


@pytest.mark.parametrize("left", [0, 5, 200, 3000])
def test_a_cut_history_gives_its_whole_lines_and_says_that_it_is_cut(tmp_path: Path, left: int) -> None:
    path = tmp_path / "h.gz"
    with history(path) as written:
        for seq in range(2000):
            written.add(exchange(seq, body=str(seq).encode()), OK)
    path.write_bytes(path.read_bytes()[:left])
    stored = read_history(path)
    seqs = [line["seq"] for line in stored]
    assert stored.cut
    assert seqs == list(range(len(seqs)))
    assert len(seqs) < 2000


def test_a_damaged_history_gives_what_comes_before_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "h.gz"
    path.write_bytes(b"not gzip at all")
    stored = read_history(path)
    assert (list(stored), stored.cut) == ([], True)
    path.write_bytes(zlib.compress(b'{"seq":0}\n{"seq":\n', wbits=31))
    assert ([line["seq"] for line in stored], stored.cut) == ([0], True)


def test_a_whole_history_is_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "h.gz"
    history(path).close()
    stored = read_history(path)
    assert (list(stored), stored.cut) == ([], False)


WRITES_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from loadcheck.judge.verdict import OK
from loadcheck.record.history import History
from tests.record.samples import SCENARIO, exchange, population
history = History(Path(sys.argv[1]), SCENARIO, population())
for seq in range(3000):
    history.add(exchange(seq), OK)
while True:
    size = Path(sys.argv[1]).stat().st_size
    if size > 1000:
        print("flushed", flush=True)
    time.sleep(0.05)
"""


def test_a_kill_leaves_every_line_that_is_a_second_old(tmp_path: Path) -> None:
    path = tmp_path / "h.gz"
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_UNTIL_KILLED, path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "flushed\n"
        process.send_signal(signal.SIGKILL)
    stored = read_history(path)
    assert len(list(stored)) == 3000
    assert stored.cut


def fill_up(written: History) -> None:
    """Put a device that refuses every write, as a full disk does, where the history's file was."""
    with Path("/dev/full").open("wb") as full:
        os.dup2(full.fileno(), written._file.fileno())


def add_many(written: History, count: int) -> None:
    for seq in range(count):
        written.add(exchange(seq), OK)


def test_a_full_disk_ends_the_run_with_advice(tmp_path: Path) -> None:
    written = history(tmp_path / "h.gz")
    fill_up(written)
    with pytest.raises(EnvironmentProblem, match="No space left") as caught:
        add_many(written, 1_000_000)
    assert "--out" in caught.value.advice
    with pytest.raises(EnvironmentProblem):
        written.close()


def test_a_disk_that_fills_up_at_the_very_end_is_told_by_close(tmp_path: Path) -> None:
    written = history(tmp_path / "h.gz")
    fill_up(written)
    written.add(exchange(0), OK)
    with pytest.raises(EnvironmentProblem, match="No space left"):
        written.close()
    with pytest.raises(EnvironmentProblem):
        written.close()


def test_what_ended_the_run_goes_before_what_the_history_says(tmp_path: Path) -> None:
    written = history(tmp_path / "h.gz")
    fill_up(written)
    written.add(exchange(0), OK)
    with pytest.raises(KeyError), written:
        raise KeyError


def test_a_history_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "h.gz"
    path.write_text("another run's")
    with pytest.raises(EnvironmentProblem, match="exists"):
        history(path)


def test_a_missing_history_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="no history"):
        list(read_history(tmp_path / "none.gz"))
