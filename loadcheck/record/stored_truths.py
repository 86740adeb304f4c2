"""Reading back what the verdicts of a run rest on."""

from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from loadcheck.engine.events import Answer
from loadcheck.errors import UsageProblem
from loadcheck.oracle.rows import digest
from loadcheck.oracle.truth import Truth
from loadcheck.record.folder import RunFolder
from loadcheck.record.shelf import Shelf
from loadcheck.record.stored_chunks import StoredChunks, StoredFiles
from loadcheck.record.truth_book import TEXT_BYTES, VERSION


class NotKept(LookupError):
    """What judging again needs was not kept.

    Args:
        on_purpose: Whether it was too long, or held a token; else the run would have kept it.
    """

    def __init__(self, *, on_purpose: bool) -> None:
        super().__init__()
        self.on_purpose = on_purpose


class StoredAnswer(Answer):
    """An answer of which at least the digest was kept.

    Args:
        line: The exchange's line in the history.
        text: Its body; None where it was not kept beside the line.
    """

    __slots__ = ("_line", "_text")

    _line: Mapping[str, Any]
    _text: str | None

    def __init__(self, line: Mapping[str, Any], text: str | None) -> None:
        self.status = line["status"]
        self.headers = line.get("headers", {})
        self._line = line
        self._text = line.get("body") if text is None else text

    @property
    def digest(self) -> bytes:
        """The digest of the body as it came."""
        return bytes.fromhex(self._line["answer"])

    @property
    def body(self) -> bytes:  # type: ignore[override]  # nobody changes an answer
        """The body.

        Raises:
            NotKept: it is not here, or not as it came.
        """
        text, length = self._text, self._line["bytes"]
        body = b"" if text is None else text.encode("utf-8", "surrogatepass")
        if digest(body) == self.digest:
            return body
        raise NotKept(on_purpose=length > TEXT_BYTES or (text is not None and ("[token]" in text or "\ufffd" in text)))


@dataclass(slots=True)
class StoredTruths:
    """What was read from `truths.ndjson.gz`.

    Attributes:
        run: What was known before the first exchange.
        asked: What tells whether truths answer an expectation, by request and claim mix.
        identities: The rows that made identities, by claim mix.
        digests: Claims digests by identity.
        audited: What no exchange shows and an audit has found, by file, the run's own last: how many lines the history
            beside it had by then, and the line.
        started: When each phase began, by index.
        ended: When it was over, and how many arrivals it had missed.
        share: The share of identities whose right answers were kept in the end.
        chunks: Once read: what is damaged or missing.
    """

    chunks: StoredFiles
    run: dict[str, Any] = field(default_factory=dict)
    asked: dict[tuple[str, str], str] = field(default_factory=dict)
    identities: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    digests: dict[str, str] = field(default_factory=dict)
    audited: list[list[tuple[int, dict[str, Any]]]] = field(default_factory=list)
    started: dict[int, float] = field(default_factory=dict)
    ended: dict[int, tuple[float, int]] = field(default_factory=dict)
    share: float = 1.0
    _truths: Shelf = field(default_factory=Shelf)
    _rows: Shelf = field(default_factory=Shelf)
    _texts: Shelf = field(default_factory=Shelf)

    def truth(self, number: int) -> Truth | None:
        """Return a truth; None where it is not among those stored."""
        line = self._truths.get(number)
        if line is None:
            return None
        record = orjson.loads(line)
        return Truth(bytes.fromhex(record["text"]), b64decode(record["rows"]), record["total"], record["version"])

    def rows(self, number: int) -> tuple[str, ...] | None:
        """Return the rows of a truth; None where they were not kept."""
        line = self._rows.get(number)
        return None if line is None else tuple(orjson.loads(line)["rows"])

    def text(self, digest: str) -> str | None:
        """Return the body of an answer by its digest in hexadecimal; None where it was not kept."""
        line = self._texts.get(digest)
        return None if line is None else orjson.loads(line)["text"]

    def take(self, line: bytes) -> None:
        """Take one record; one of a kind that is not known is of a later version, and left alone."""
        match record := orjson.loads(line):
            case {"truth": number, "text": _, "rows": _, "total": _, "version": _}:
                self._truths.put(number, line)
            case {"rows_of": number, "rows": _}:
                self._rows.put(number, line)
            case {"body": body, "text": _}:
                self._texts.put(body, line)
            case {"identity": label, "digest": claims}:
                self.digests[label] = claims
            case _:
                self._take_setting(record)

    def _take_setting(self, record: dict[str, Any]) -> None:
        match record:
            case {"run": run}:
                self.run = run
            case {"asked": question, "request": request, "mix": mix}:
                self.asked[request, mix] = question
            case {"identities": mix, "rows": rows}:
                self.identities[mix] += rows
            case {"phase": phase, "started": at}:
                self.started[phase] = at
            case {"phase": phase, "ended": at, "missed": missed}:
                self.ended[phase] = at, missed
            case {"kept": share}:
                self.share = share
            case {"audited": lines, "line": line}:
                self.audited[-1].append((lines, line))


def read_audited(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the line of each violation that an audit has found, and keep nothing of all else.

    Raises:
        UsageProblem: the file cannot be read.
    """
    for line in _files(path):
        if line.startswith(b'{"audited":'):
            yield orjson.loads(line)["line"]


def read_truths(path: Path) -> StoredTruths:
    """Return what a run's verdicts rest on.

    Raises:
        UsageProblem: there is nothing of this version.
    """
    stored = StoredTruths(_files(path))
    for file in stored.chunks.files:
        stored.audited.append([])
        for line in file:
            stored.take(line)
    if stored.run.get("version") != VERSION:
        raise UsageProblem(
            f"{path} does not tell what was run: it was killed before its first exchange, damaged, or made by "
            "another version of loadcheck",
            "Name the folder of a run of this version, such as one below reports/.",
        )
    return stored


def _files(path: Path) -> StoredFiles:
    """Return the run's own last: of what each worker tells too, such as when a phase was over, they tell the whole."""
    return StoredFiles(
        [StoredChunks(each) for each in (*(each.truths for each in RunFolder(path.parent).workers), path)]
    )
