"""From findings to findings.json: the evidence, and how to see each again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from loadcheck.engine.events import Draw
from loadcheck.engine.messages import Message
from loadcheck.identity.population import Identity
from loadcheck.judge.findings import Finding
from loadcheck.judge.verdict import Evidence
from loadcheck.oracle.stamp import NONCE_HEADER
from loadcheck.record.stored import (
    FindingHead,
    StoredEvidence,
    StoredFinding,
    StoredIdentity,
    StoredMessage,
    StoredReproduction,
)
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.problems import Place

_LONGEST: Final = 10_000  # characters of a row
_LEFT_OUT: Final = {"authorization", "user-agent", NONCE_HEADER.lower()}


@dataclass(frozen=True, slots=True)
class FindingWriter:
    """Turns findings into what findings.json holds.

    Attributes:
        place: Tells where a request stands in the scenario's file, by its index.
        compose: Gives what is sent for a draw.
        reproduction: Tells of the fewest exchanges that show a finding again.
    """

    scenario: Scenario
    population: Sequence[Identity]
    place: Callable[[int], Place]
    compose: Callable[[Draw], Message]
    reproduction: Callable[[Finding], StoredReproduction | None]

    def stored(self, finding: Finding) -> StoredFinding:
        """Return the whole finding."""
        exchange, verdict = finding.first, finding.verdict
        request = self.scenario.requests[finding.request]
        place = self.place(finding.request)
        return {
            **finding_head(finding, self.scenario, self.population),
            "victims": len(finding.victims),
            "reason": verdict.reason,
            "reasoning": list(finding.reasoning),
            "place": {"file": place.file, "line": max(place.line, 1)},
            "seq": exchange.draw.seq,
            "phase": self.scenario.load[exchange.phase].name,
            "status": None if exchange.answer is None else exchange.answer.status,
            "lost": None if exchange.lost is None else str(exchange.lost),
            "code": verdict.code,
            "vars": dict(zip(request.vars, exchange.draw.values, strict=False)),
            "evidence": _evidence(verdict.evidence),
            "reproduce": self._message(exchange.draw),
            "reproduction": self.reproduction(finding),
            "unreproduced": finding.unreproduced,
        }

    def _message(self, draw: Draw) -> StoredMessage:
        message = self.compose(draw)
        return {
            "method": message.method,
            "url": message.url,
            "headers": self._headers(message.headers),
            "body": None if message.body is None else message.body.decode("utf-8", "replace"),
            "token": self._token(self.population[draw.identity]),
        }

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str | None]:
        secret = {name.lower() for name in self.scenario.target.headers}
        return {
            name: None if name.lower() in secret else value
            for name, value in headers.items()
            if name.lower() not in _LEFT_OUT
        }

    def _token(self, identity: Identity) -> list[str] | None:
        if identity.token is TokenKind.MISSING:
            return None
        return ["loadcheck", "token", self.place(0).file, identity.label]


def finding_head(finding: Finding, scenario: Scenario, population: Sequence[Identity]) -> FindingHead:
    """Return what summary.json tells of a finding."""
    source = finding.source
    return {
        "id": finding.id,
        "symptom": str(finding.symptom),
        "cause": str(finding.cause),
        "count": finding.count,
        "request": scenario.requests[finding.request].name,
        "victim": _identity(population[finding.victim], scenario),
        "source": None if source is None else _identity(population[source], scenario),
        "first_s": round(finding.first.done, 3),
    }


def _identity(identity: Identity, scenario: Scenario) -> StoredIdentity:
    return {
        "identity": scenario.identities[identity.mix].name,
        "label": identity.label,
        "claims": dict(identity.claims),
    }


def _evidence(evidence: Evidence) -> StoredEvidence:
    return {
        "expected": _bounded(evidence.expected),
        "received": _bounded(evidence.received),
        "wrong": _bounded(evidence.wrong),
        "missing": _bounded(evidence.missing),
        "expected_count": evidence.expected_count,
        "received_count": evidence.received_count,
    }


def _bounded(rows: Sequence[str]) -> list[str]:
    """Return rows, of a very long one its beginning."""
    return [row if len(row) <= _LONGEST else f"{row[:_LONGEST]}…" for row in rows]
