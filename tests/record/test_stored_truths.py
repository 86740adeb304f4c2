"""Truths read back: as many as a long run with drawn variables has, in memory that does not grow with them."""

import json
import tracemalloc
from base64 import b64encode
from pathlib import Path

from loadcheck.oracle.truth import Truth
from loadcheck.record.chunk_file import ChunkFile
from loadcheck.record.stored_truths import read_truths
from loadcheck.record.truth_book import VERSION

TRUTHS = 5_000
ROWS = bytes(range(160))
ALLOWED_BYTES = 500_000  # far below what the truths themselves take


def truth(number: int) -> Truth:
    return Truth(number.to_bytes(16), ROWS, None, f"{number}:{number}:")


def written(path: Path) -> Path:
    file = ChunkFile(path)
    file.add(json.dumps({"run": {"version": VERSION}}).encode() + b"\n")
    for number in range(TRUTHS):
        one = truth(number)
        record = {"text": one.text.hex(), "rows": b64encode(one.rows).decode(), "total": None, "version": one.version}
        file.add(json.dumps({"truth": number, **record}).encode() + b"\n")
        file.add(json.dumps({"rows_of": number, "rows": [f"[{number}]"]}).encode() + b"\n")
        file.add(json.dumps({"body": f"{number:032x}", "text": f"[{number}]"}).encode() + b"\n")
    file.close()
    return path


def test_every_truth_is_there_and_none_in_memory(tmp_path: Path) -> None:
    path = written(tmp_path / "truths.ndjson.gz")
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        stored = read_truths(path)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < ALLOWED_BYTES
    assert [stored.truth(number) for number in range(TRUTHS)] == [truth(number) for number in range(TRUTHS)]
    assert (stored.rows(7), stored.text(f"{7:032x}")) == (("[7]",), "[7]")
    assert (stored.truth(TRUTHS), stored.rows(TRUTHS), stored.text("")) == (None, None, None)
