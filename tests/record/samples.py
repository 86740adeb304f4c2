"""Runs made up for the tests of record and report: no server is needed to count and to tell."""

import random
from collections.abc import Sequence
from pathlib import Path

from loadcheck.engine.events import Answer, Draw, Exchange, Lost, Missed, PhaseEnded, PhaseStarted
from loadcheck.engine.messages import Headers, Message
from loadcheck.errors import ExitCode
from loadcheck.identity.population import Identity
from loadcheck.judge.findings import Finding
from loadcheck.judge.outcome import Measured, Outcome, RunVerdict
from loadcheck.judge.verdict import OK, Cause, Evidence, Ruling, Symptom, Verdict
from loadcheck.record.findings import FindingWriter
from loadcheck.record.reproduction import ReproductionWriter
from loadcheck.record.summary import RunFacts
from loadcheck.record.tally import Tally
from loadcheck.record.truth_book import Begun
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.problems import Place

SECRET = "hunter2-secret-of-the-gateway"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoicm9sZSJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
STARTED = 1_735_732_800.5

SCENARIO = Scenario.model_validate(
    {
        "name": "pets",
        "target": {"url": "http://127.0.0.1:3000", "headers": {"apikey": SECRET}},
        "identities": [
            {"name": "keeper", "count": 500, "claims": {"role": "role_rw", "user_type": "tenant-{n}"}},
            {"name": "no-claim", "claims": {"role": "role_readwrite"}},
            {"name": "expired", "token": "expired", "expect": {"status": 401}},
        ],
        "requests": [
            {
                "name": "list",
                "get": "/pets?select=id,name,keeper&order=id",
                "expect": {"rows": "SELECT id FROM pets WHERE keeper = :user_type ORDER BY id"},
            },
            {
                "name": "one",
                "get": "/pets?id=eq.{id}&select=id,name",
                "vars": {"id": {"int": [1, 10000]}},
                "expect": {"rows": "SELECT id, name FROM pets WHERE id = :id::int"},
            },
            {"name": "add", "post": "/pets", "body": {"id": 1}, "expect": {"status": 201}},
        ],
        "load": [
            {"name": "warm-up", "concurrency": 1, "duration": "3s", "measure": False},
            {"name": "steady", "concurrency": 32, "duration": "30s"},
            {"name": "peak", "rate": "400/s", "ramp_to": "800/s", "duration": "30s", "arrivals": "poisson"},
        ],
    }
)


def population(scenario: Scenario = SCENARIO) -> list[Identity]:
    """The identities of a scenario, their claims filled in well enough to be read."""
    identities: list[Identity] = []
    for index, mix in enumerate(scenario.identities):
        for n in range(1, mix.count + 1):
            claims = {k: v.replace("{n}", str(n)) for k, v in mix.claims.items()}
            label = f"{mix.name}#{n}" if mix.count > 1 else mix.name
            identities.append(Identity(len(identities), index, label, claims, {"n": n}, mix.token))
    return identities


def exchange(  # noqa: PLR0913 -- every field of an exchange that a test may want
    seq: int = 0,
    *,
    request: int = 0,
    identity: int = 0,
    phase: int = 1,
    at: float = 3.5,
    took: float = 0.0123,
    status: int = 200,
    body: bytes = b'[{"id":1}]',
    lost: Lost | None = None,
) -> Exchange:
    values = (seq % 10_000 + 1,) if request == 1 else ()
    answer = Answer(status, {"content-type": "application/json"}, body) if lost is None else None
    draw = Draw(seq, request, identity, values)
    return Exchange(draw, phase, at - took - 0.001, at - took, at, answer, lost)


FOREIGN = Verdict(
    Ruling.VIOLATION,
    Symptom.FOREIGN_ROWS,
    "21 rows came back, 1 of them belongs to keeper#17",
    source=16,
    evidence=Evidence(
        expected=('{"id":3,"name":"Alfie","keeper":"tenant-3"}',),
        received=(
            '{"id":3,"name":"Alfie","keeper":"tenant-3"}',
            '{"id":17,"name":"Nemo","keeper":"tenant-17"}',
        ),
        wrong=('{"id":17,"name":"Nemo","keeper":"tenant-17"}',),
        expected_count=20,
        received_count=21,
    ),
)
STATUS = Verdict(
    Ruling.VIOLATION,
    Symptom.WRONG_STATUS,
    "status 400 where 201 was expected: invalid input syntax for type json",
    code="22P02",
)
TIMED_OUT = Verdict(Ruling.UNKNOWN, reason="no answer within 10 s")


def finding(verdict: Verdict = FOREIGN, name: str = "F1", *, first: Exchange | None = None, count: int = 12) -> Finding:
    first = first or exchange(41, identity=2, at=4.2)
    return Finding(
        id=name,
        symptom=verdict.symptom or Symptom.MALFORMED,
        request=first.draw.request,
        victim=first.draw.identity,
        source=verdict.source,
        first=first,
        verdict=verdict,
        cause=Cause.SESSION_STATE if verdict is FOREIGN else Cause.UNDETERMINED,
        count=count,
        victims={2, 5, 9},
    )


def tally(scenario: Scenario = SCENARIO, exchanges: int = 6000, *, violations: bool = True) -> Tally:
    """A whole run, counted: 1 in 500 violations, 1 in 1000 time-outs, one violation in the warm-up."""
    source = random.Random(1)  # noqa: S311 -- made-up data
    identities = population(scenario)
    counted = Tally(scenario, identities)
    for index, phase in enumerate(scenario.load):
        start = 3.0 + 30 * (index - 1) if index else 0.0
        length = phase.duration or 30.0
        counted.phase_started(PhaseStarted(index, phase, start))
        share = exchanges // 10 if index == 0 else exchanges // 2
        for seq in range(share):
            at = start + (seq + 1) * length / (share + 1)
            made = exchange(
                seq,
                request=seq % len(scenario.requests),
                identity=seq % len(identities),
                phase=index,
                at=at,
                took=source.lognormvariate(-4.4, 0.5),
                lost=Lost.TIMEOUT if seq % 1000 == 999 else None,
            )
            bad = violations and seq % 500 == 100
            counted.add(made, TIMED_OUT if made.lost else FOREIGN if bad else OK)
        counted.phase_ended(PhaseEnded(index, phase, start + length))
    counted.missed(Missed(len(scenario.load) - 1, 50.0))
    return counted


def compose(draw: Draw) -> Message:
    """What the made-up exchanges sent."""
    request = SCENARIO.requests[draw.request]
    headers = {"Accept": "application/json", "apikey": SECRET, "Authorization": f"Bearer {TOKEN}"}
    path = request.path.replace("{id}", str(draw.values[0] if draw.values else ""))
    body = b'{"id":100001,"name":"It\'s Nemo"}' if request.method == "POST" else None
    return Message(request.method, f"http://127.0.0.1:3000{path}", Headers(headers), body=body)


def place(request: int) -> Place:
    """Where the made-up requests stand."""
    return Place("scenarios/pets.yaml", 10 + request, 5)


def writer(scenario: Scenario = SCENARIO) -> FindingWriter:
    identities = population(scenario)
    return FindingWriter(scenario, identities, place, compose, reproductions(scenario, identities).stored)


def reproductions(scenario: Scenario, identities: Sequence[Identity]) -> ReproductionWriter:
    return ReproductionWriter(scenario, identities, Path("scenarios"), compose, "http://127.0.0.1:3000")


FAILED = Outcome(
    RunVerdict.FAIL,
    ExitCode.FAIL,
    (
        "16 of 6,594 exchanges broke row security: keeper#3 got rows of keeper#17 (F1), and 1 more finding",
        "p99 was not held",
    ),
    (
        Measured("p99", 0.25, 0.048, held=True),
        Measured("error_rate", 0.001, 0.003, held=False),
        Measured("throughput", 200, 99.8, held=False),
        Measured("handoffs", 1000, None, held=None),
    ),
)
PASSED = Outcome(RunVerdict.PASS, ExitCode.PASS, ("every one of 6,594 answers was right, for 502 identities",))
BEGUN = Begun(seed=1, started=STARTED, file="scenarios/pets.yaml", lines=(1, 2, 3), run="0123abcd")
FACTS = RunFacts(
    seed=1,
    started=STARTED,
    duration=63.2,
    coverage={"backends": 4, "handoffs": None},
    generator={"cpu_s": 24.1, "rss_max_mb": 142.0, "missed": 1},
)
