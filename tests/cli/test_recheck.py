"""`loadcheck recheck` from outside: it judges for itself, and what it cannot judge it says."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from loadcheck.record.chunk_file import ChunkFile
from loadcheck.record.chunks import MARK
from loadcheck.record.stored import Summary
from loadcheck.record.stored_chunks import StoredChunks
from loadcheck.report.html.violations import violations
from loadcheck.run.stored.recheck import recheck
from tests.cli.command import SCENARIOS, history, loadcheck, read_until, started, summary
from tests.soak import kill_at_random
from tests.stack.watching import becomes

Record = dict[str, Any]

_MS = 0.001
A1 = SCENARIOS / "leaks" / "A1"
SHORT = (
    *("--set", "load=[{name: alone, concurrency: 1, requests: 100}, {name: crowd, concurrency: 8, requests: 300}]"),
    *("--set", "thresholds={checked: 400}"),
    *("--set", "hunt.aborts=0"),  # whether an answer comes before a caller leaves is the machine's affair
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that leaks and its clean twin."""
    folder = tmp_path_factory.mktemp("runs")
    for name, code in (("leak", 1), ("fixed", 0)):
        ended = loadcheck("run", A1 / f"{name}.yaml", *SHORT, "--seed", 1, "--out", folder / name)
        assert ended.code == code, ended.text
    return folder


@pytest.fixture
def leak(runs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs / "leak", tmp_path / "leak"))


@pytest.fixture
def fixed(runs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs / "fixed", tmp_path / "fixed"))


def judged_again(folder: Path) -> Summary:
    return recheck(folder).summary


def edit(path: Path, change: Callable[[Record], object]) -> None:
    """Change records of a file of chunks, and write it anew with checksums that fit."""
    records = [json.loads(line) for line in StoredChunks(path)]
    for record in records:
        change(record)
    path.unlink()
    file = ChunkFile(path)
    for record in records:
        file.add(json.dumps(record).encode() + b"\n")
    file.close()


def once(change: Callable[[Record], object], wanted: Callable[[Record], bool]) -> Callable[[Record], object]:
    """Change only the first record that is wanted."""
    left = iter([change])

    def changed(record: Record) -> None:
        if wanted(record) and (one := next(left, None)) is not None:
            one(record)

    return changed


def story(text: str) -> Iterator[str]:
    """What a report tells of findings: times after them may differ in the last digit, as the history rounds them."""
    yield from takewhile(lambda line: "──" not in line, text[text.index("\nF1") :].splitlines())


def test_the_same_findings_with_nothing_but_the_folder(runs: Path) -> None:
    again = loadcheck("recheck", runs / "leak")
    assert again.code == 1, again.text
    assert "every verdict is the run's own" in again.out
    told = loadcheck("report", runs / "leak")
    assert list(story(again.out)) == list(story(told.out))
    for found in summary(runs / "leak")["findings"]:
        assert f"{found['symptom']}" in again.out


def test_a_clean_run_passes_again(runs: Path) -> None:
    again = loadcheck("recheck", runs / "fixed")
    assert again.code == 0, again.text
    assert "verdict: pass" in again.out
    assert "400 exchanges, every verdict is the run's own" in again.out


def test_every_exchange_is_judged_and_no_verdict_believed(leak: Path) -> None:
    def forget(line: Record) -> None:
        line.update(verdict="ok", symptom=None, source=None, reason="")
        line.pop("cause", None)

    edit(leak / "history.ndjson.gz", forget)
    again = judged_again(leak)
    assert again["exit_code"] == 1
    wrong = summary(leak)["exchanges"]["violation"]
    assert f"{wrong} verdicts differ from the run's own" in again["reasons"][-1]


def test_violations_stand_in_the_page_where_they_are_by_the_verdicts_of_now(leak: Path) -> None:
    before = violations(recheck(leak), _MS)
    assert len(before) > len(summary(leak)["findings"])
    edit(leak / "history.ndjson.gz", lambda line: line.update(verdict="ok", symptom=None, source=None, reason=""))
    assert violations(recheck(leak), _MS) == before


def test_an_answer_with_another_digest_is_not_right_any_more(fixed: Path) -> None:
    edit(fixed / "history.ndjson.gz", once(lambda line: line.update(answer="00" * 16), lambda line: "answer" in line))
    again = judged_again(fixed)
    assert again["exit_code"] == 2
    assert "1 answers that the run had judged cannot be judged by what is stored now" in again["reasons"]


def test_another_truth_makes_right_answers_doubtful(fixed: Path) -> None:
    def other(record: Record) -> None:
        record.update(text="00" * 16)

    edit(fixed / "truths.ndjson.gz", once(other, lambda record: "truth" in record))
    assert judged_again(fixed)["exit_code"] == 2


def test_a_wrong_answer_whose_body_was_changed_is_not_believed(leak: Path) -> None:
    def change(line: Record) -> None:
        if line["verdict"] == "violation":
            line["body"] = "[]"

    edit(leak / "history.ndjson.gz", change)
    again = judged_again(leak)
    assert (again["exit_code"], again["verdict"]) == (2, "inconclusive")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("    rows: ", "    status: 418\n    rows: ", 1),
        ("WHERE", "WHERE true AND", 2),
    ],
    ids=["another status", "other rows, which nobody has read"],
)
def test_another_expectation_gives_another_outcome(old: str, new: str, code: int, fixed: Path) -> None:
    path = fixed / "scenario.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert judged_again(fixed)["exit_code"] == code


def test_a_damaged_chunk_is_named_and_never_passes(fixed: Path) -> None:
    path = fixed / "history.ndjson.gz"
    damaged = bytearray(path.read_bytes())
    damaged[len(MARK) + 60] ^= 0xFF
    path.write_bytes(damaged)
    again = loadcheck("recheck", fixed)
    assert again.code == 2, again.text
    assert "chunk 0 of history.ndjson.gz is damaged (bytes 0 to" in again.out.replace("\n  ", " ")
    told = loadcheck("report", fixed)
    assert told.out.splitlines()[:3] == again.out.splitlines()[:3]


def test_a_history_that_lost_its_end_never_passes(fixed: Path) -> None:
    path = fixed / "history.ndjson.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(MARK)])
    again, told = loadcheck("recheck", fixed), loadcheck("report", fixed)
    assert (again.code, "verdict: pass" in again.out) == (2, False), again.text
    assert told.out.splitlines()[:3] == again.out.splitlines()[:3]


def test_damaged_truths_are_named_and_make_doubtful(fixed: Path) -> None:
    path = fixed / "truths.ndjson.gz"
    whole = path.read_bytes()
    # The one before the end's, whose bytes are few: which records it holds depends on when they were flushed.
    chunk = whole.rindex(MARK, 0, whole.rindex(MARK))
    path.write_bytes(whole[: chunk + len(MARK)] + whole[chunk + len(MARK) + 20 :])
    again = judged_again(fixed)
    assert again["exit_code"] == 2
    assert any("truths.ndjson.gz" in reason for reason in again["reasons"])


def test_a_folder_of_another_kind_is_one_message(tmp_path: Path, fixed: Path) -> None:
    (fixed / "truths.ndjson.gz").unlink()
    for folder in (tmp_path, fixed, tmp_path / "none"):
        again = loadcheck("recheck", folder)
        assert again.code == 4
        assert again.err.startswith("loadcheck: ")
        assert "Traceback" not in again.text


@pytest.mark.parametrize("command", ["recheck", "report"])
def test_what_is_no_folder_is_one_message(command: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run")
    again = loadcheck(command, "run", cwd=tmp_path)
    assert again.code == 4
    assert again.err.startswith("loadcheck: run is not a folder, so it holds no run\nName a folder")


@pytest.mark.parametrize("name", ["summary.json", "findings.json"])
def test_a_folder_of_another_version_is_one_message(name: str, leak: Path) -> None:
    told = json.loads((leak / name).read_text())
    del (told if name == "summary.json" else told[0])["verdict" if name == "summary.json" else "victims"]
    (leak / name).write_text(json.dumps(told))
    for command in (["recheck", leak], ["report", leak], ["compare", leak, leak]):
        again = loadcheck(*command)
        assert again.code == 4, again.text
        assert f"{name} is not what this version of loadcheck writes" in again.err.replace("\n  ", " ")
        assert "Field required" in again.err


@pytest.mark.parametrize(("name", "code"), [("leak", 1), ("fixed", 0)])
def test_a_run_whose_right_answers_had_no_room_comes_to_the_same(name: str, code: int, tmp_path: Path) -> None:
    scenario = SCENARIOS / "leaks" / "A1" / f"{name}.yaml"
    ended = loadcheck("run", scenario, "--seed", 1, "--history-limit", "1KiB", "--out", tmp_path / "run")
    assert ended.code == code, ended.text
    assert summary(tmp_path / "run")["history"]["left_out"] > 0
    again = loadcheck("recheck", tmp_path / "run")
    assert again.code == code, again.text
    assert "every verdict is the run's own" in again.out
    if code:
        assert list(story(again.out)) == list(story(loadcheck("report", tmp_path / "run").out))


def test_a_run_killed_with_sigkill_is_told_and_never_passes(tmp_path: Path) -> None:
    with started("run", A1 / "fixed.yaml", "--duration", "10m", "--out", tmp_path) as process:
        read_until(process, "alone: concurrency")
        assert becomes(lambda: len(history(tmp_path)) > 100)
        process.kill()
        process.wait()
    assert not (tmp_path / "summary.json").exists()
    lines = history(tmp_path)
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    for command in ("recheck", "report"):
        told = loadcheck(command, tmp_path)
        assert "the run was cut" in told.out
        assert f"{len(lines):,} exchanges" in told.out.replace("\n  ", " ")
        assert "verdict: inconclusive" in told.out
        assert "carry no stamp" not in told.out
        assert told.code == {"recheck": 2, "report": 0}[command], told.text


def test_killed_at_any_moment_the_history_is_readable_and_no_run_passes(tmp_path: Path) -> None:
    assert kill_at_random(2, 1, tmp_path) > 0
