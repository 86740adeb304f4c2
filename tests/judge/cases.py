"""Exchanges and truths made by hand, for judging without any I/O."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from loadcheck.engine.events import Answer, Draw, Exchange, Lost
from loadcheck.judge.judge import Dispute, judge
from loadcheck.judge.owners import Owners
from loadcheck.judge.settle import settle
from loadcheck.judge.verdict import Verdict
from loadcheck.oracle.expectation import Expectation, Expectations
from loadcheck.oracle.truth import Reading, reading_of
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.model import Scenario

Rows = Sequence[Any]


def expectation(expect: Mapping[str, Any], path: str = "/pets", method: str = "get", **headers: str) -> Expectation:
    scenario = Scenario.model_validate(
        {
            "name": "case",
            "identities": [{"name": "keeper", "claims": {"user_type": "t"}}],
            "requests": [{"name": "list", method: path, "headers": headers, "expect": expect}],
        }
    )
    return Expectations(scenario).of(0, 0)


ROWS = expectation({"rows": "SELECT 1"})
ORDERED = expectation({"rows": "SELECT 1"}, "/pets?order=id")


def exchange(body: bytes = b"[]", status: int = 200, lost: Lost | None = None, **headers: str) -> Exchange:
    answer = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    return Exchange(Draw(0, 0, 0), 0, 0.0, 0.0, 0.1, None if lost else answer, lost)


def reading(rows: Rows, total: int | None = None) -> Reading:
    """Make a reading; the version is another whenever the rows are."""
    text = json.dumps(list(rows))
    return reading_of(text, total, text)


def verdict(
    sent: Exchange,
    expected: Expectation,
    before: Reading,
    after: Reading | None = None,
    others: Sequence[Rows] = (),
    token: TokenKind = TokenKind.VALID,
) -> Verdict:
    """Judge as a run does; `others` are the rows of identities 1, 2, …"""
    first = judge(sent, expected, token, before.truth, {})
    if not isinstance(first, Dispute):
        return first
    after = after or before
    owners = Owners([(0, before.truth), *((n, reading(rows).truth) for n, rows in enumerate(others, start=1))])
    return settle(first, after, owners)


def body(rows: Rows) -> bytes:
    return json.dumps(list(rows), indent=1).encode()
