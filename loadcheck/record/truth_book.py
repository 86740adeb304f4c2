"""The truths of a run and whatever else its verdicts rest on, each written once, so that it can be judged again."""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from weakref import WeakKeyDictionary

import orjson

from loadcheck import __version__
from loadcheck.engine.events import PhaseEnded, PhaseStarted
from loadcheck.engine.share import WHOLE, Share
from loadcheck.identity.population import Identity
from loadcheck.oracle.expectation import Expectation, Expectations
from loadcheck.oracle.truth import Truth
from loadcheck.record.chunk_file import ChunkFile
from loadcheck.record.counts import Members
from loadcheck.record.once import Once
from loadcheck.record.redact import hide_tokens
from loadcheck.scenario.model import Scenario

VERSION: Final = 1
"""Of the form of history and truths."""

TEXT_BYTES: Final = 1 << 20
"""Longer bodies and readings are not kept."""

_ROWS_A_RECORD: Final = 1_000
_REMEMBERED: Final = 2_000  # and at most twice as many; about 100 bytes each


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known of a run before its first exchange.

    Attributes:
        seed: What its inputs are drawn from.
        started: Seconds since 1970.
        file: The scenario's file, as the user named it.
        lines: Where each request stands in it, in their order.
        run: What tells its nonces from those of other runs.
        digests: The claims digest of each identity; empty where none could be read.
        straight: Whether nothing stood before PostgREST.
        share: Which part of the run is written down: truths are numbered so that no two parts give one number.
    """

    seed: int
    started: float
    file: str
    lines: Sequence[int]
    run: str
    digests: Sequence[str] = ()
    straight: bool = False
    share: Share = WHOLE


class TruthBook:
    """Writes records to `truths.ndjson.gz`; what refers to one is written after it.

    Args:
        file: Where they go.
        scenario: What is run.
        population: Its identities.
        expectations: What it expects of them.
        begun: The rest that is known of the run.
    """

    def __init__(
        self,
        file: ChunkFile,
        scenario: Scenario,
        population: Sequence[Identity],
        expectations: Expectations,
        begun: Begun,
    ) -> None:
        self._file = file
        self._scenario = scenario
        self._population = population
        self._expectations = expectations
        self._begun = begun
        # As long as the run keeps a truth, its number is known; what was read ahead and let go is written again.
        self._numbers: WeakKeyDictionary[Truth, int] = WeakKeyDictionary()
        self._next = begun.share.index
        self._readings = Once(_REMEMBERED)
        self._bodies = Once(_REMEMBERED)
        self._identities = Members(len(population))

    def begin(self) -> None:
        """Write what does not depend on any exchange."""
        begun = self._begun
        run = {"version": VERSION, "loadcheck": __version__, "seed": begun.seed, "started": begun.started}
        requests = [request.name for request in self._scenario.requests]
        places = dict(zip(requests, begun.lines, strict=True))
        run |= {"file": begun.file, "places": places, "nonce": begun.run, "straight": begun.straight}
        self._write({"run": run})
        for request, mix, expectation in self._expectations:
            names = {"request": self._scenario.requests[request].name, "mix": self._scenario.identities[mix].name}
            self._write({"asked": asked(expectation), **names})
        if begun.share == WHOLE:
            for records in self._read_identities():
                self._write(records)

    def phase_started(self, event: PhaseStarted) -> None:
        """Write that a phase began."""
        self._write({"phase": event.index, "started": event.at})

    def phase_ended(self, event: PhaseEnded, missed: int) -> None:
        """Write that a phase is over, and how many arrivals it could not send."""
        self._write({"phase": event.index, "ended": event.at, "missed": missed})

    def truth(self, truth: Truth) -> int:
        """Return the number of a truth, written if it is new."""
        number = self._numbers.get(truth)
        if number is None:
            number = self._numbers[truth] = self._next
            self._next += self._begun.share.of
            rows = b64encode(truth.rows).decode()
            record = {"text": truth.text.hex(), "rows": rows, "total": truth.total, "version": truth.version}
            self._write({"truth": number, **record})
        return number

    def rows(self, number: int, rows: Sequence[str]) -> None:
        """Write the rows of a truth, if they are new and not too long."""
        if self._readings.first(number) and sum(map(len, rows)) <= TEXT_BYTES:
            self._write({"rows_of": number, "rows": rows})

    def body(self, digest: bytes, body: bytes) -> None:
        """Write the body of an answer, if it is new and not too long."""
        if len(body) <= TEXT_BYTES and self._bodies.first(digest):
            self._write({"body": digest.hex(), "text": body.decode("utf-8", "replace")})

    def audited(self, lines: int, line: bytes) -> None:
        """Write what no exchange shows and an audit has found.

        Args:
            lines: How many the history has by now.
            line: One such as the history has, with its newline.
        """
        self._write({"audited": lines, "line": orjson.Fragment(line[:-1])})

    def identity(self, index: int) -> None:
        """Write the claims digest of an identity, if it is new."""
        if self._begun.digests and index not in self._identities:
            self._identities.add(index)
            self._write({"identity": self._population[index].label, "digest": self._begun.digests[index]})

    def kept(self, share: float) -> None:
        """Write that from now on the right answers of only this share of the identities are kept."""
        self._write({"kept": share})

    def _read_identities(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that made identities, for a database that is not asked again."""
        for index, mix in enumerate(self._scenario.identities):
            if mix.from_ is not None:
                rows = [dict(identity.variables) for identity in self._population if identity.mix == index]
                for start in range(0, len(rows), _ROWS_A_RECORD):
                    yield {"identities": mix.name, "rows": rows[start : start + _ROWS_A_RECORD]}

    def _write(self, record: dict[str, Any]) -> None:
        self._file.add(encoded(record))


def asked(expectation: Expectation) -> str:
    """Return what tells whether a truth answers an expectation: a digest of what it was read with."""
    query = expectation.query
    sources = [] if query is None else [(key, bound.sql) for key, bound in query.sources]
    return blake2b(repr((sources, expectation.literal, expectation.count)).encode(), digest_size=8).hexdigest()


def encoded(record: object) -> bytes:
    """Return a record as one line of JSON, without anything that looks like a token."""
    try:
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # an integer of more than 64 bits
        line = json.dumps(record).encode() + b"\n"
    return hide_tokens(line.decode()).encode() if b"eyJ" in line else line
