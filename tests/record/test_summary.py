import json

import pytest

from loadcheck.engine.events import Lost
from loadcheck.judge.verdict import Ruling, Symptom, Verdict
from loadcheck.record.findings import finding_head
from loadcheck.record.generator import Generator
from loadcheck.record.summary import GENERATOR, RunFacts, build_summary
from loadcheck.record.tally import Tally
from tests.record.samples import (
    FACTS,
    FAILED,
    PASSED,
    SCENARIO,
    SECRET,
    STATUS,
    TOKEN,
    exchange,
    finding,
    population,
    tally,
    writer,
)

CONTRACT = {
    "loadcheck": str,
    "schema": int,
    "scenario": str,
    "seed": int,
    "started": str,
    "duration_s": float,
    "verdict": str,
    "exit_code": int,
    "reasons": list,
    "exchanges": dict,
    "findings": list,
    "coverage": dict,
    "alike": list,
    "canaries": dict,
    "leak_rate_upper_95": type(None),
    "latency_ms": dict,
    "service_ms": dict,
    "throughput_rps": float,
    "requests": dict,
    "phases": list,
    "thresholds": list,
    "generator": dict,
}


def test_the_summary_keeps_the_contract() -> None:
    summary = build_summary(tally(), [finding()], FAILED, FACTS)
    for key, kind in CONTRACT.items():
        assert isinstance(summary.get(key), kind), key
    assert set(summary["exchanges"]) == {"sent", "ok", "violation", "unknown"}
    assert {"identities", "backends", "handoffs", "distinct_handoffs"} <= set(summary["coverage"])
    assert set(summary["latency_ms"]) == {"p50", "p90", "p95", "p99", "p999", "max"}
    assert set(summary["generator"]) == {*GENERATOR}
    assert summary["canaries"] == {"planted": None, "caught": None, "requests": {}}
    assert set(summary["requests"]) == {"list", "one", "add"}
    assert json.loads(json.dumps(summary)) == summary


def test_the_summary_tells_what_was_counted() -> None:
    summary = build_summary(tally(), [finding()], FAILED, FACTS)
    assert (summary["verdict"], summary["exit_code"], summary["seed"]) == ("fail", 1, 1)
    assert summary["started"] == "2025-01-01T12:00:00.500Z"
    assert summary["exchanges"] == {"sent": 6000, "ok": 5982, "violation": 12, "unknown": 6}
    assert summary["warm_up"] == {"sent": 600, "ok": 599, "violation": 1, "unknown": 0}
    assert summary["coverage"] == {
        "identities": 502,
        "backends": 4,
        "handoffs": None,
        "distinct_handoffs": None,
        "repeats": None,
        "exposed": None,
        "pairs": [],
        "requests": {},
        "phases": [],
    }
    assert summary["throughput_rps"] == pytest.approx(99.9)
    assert [phase["name"] for phase in summary["phases"]] == ["warm-up", "steady", "peak"]
    assert [phase["measure"] for phase in summary["phases"]] == [False, True, True]
    assert summary["phases"][2]["missed"] == 1
    assert summary["thresholds"][3] == {
        "name": "handoffs",
        "limit": 1000,
        "value": None,
        "held": None,
        "window_s": None,
        "at_s": None,
    }


def test_a_finding_names_victim_and_source_with_their_claims() -> None:
    (head,) = build_summary(tally(), [finding()], FAILED, FACTS)["findings"]
    assert head == {
        "id": "F1",
        "symptom": "foreign-rows",
        "cause": "session-state",
        "count": 12,
        "request": "list",
        "victim": {
            "identity": "keeper",
            "label": "keeper#3",
            "claims": {"role": "role_rw", "user_type": "tenant-3"},
        },
        "source": {
            "identity": "keeper",
            "label": "keeper#17",
            "claims": {"role": "role_rw", "user_type": "tenant-17"},
        },
        "first_s": 4.2,
    }


def test_a_run_that_sent_nothing_has_no_figures() -> None:
    summary = build_summary(Tally(SCENARIO, population()), [], PASSED, RunFacts(1, 0.0, 0.0))
    assert summary["exchanges"] == {"sent": 0, "ok": 0, "violation": 0, "unknown": 0}
    assert summary["latency_ms"] == dict.fromkeys(("p50", "p90", "p95", "p99", "p999", "max"))
    assert summary["throughput_rps"] is None
    assert summary["phases"][0]["started_s"] is None
    assert summary["generator"] == dict.fromkeys(GENERATOR)


def test_a_finding_is_stored_with_evidence_and_how_to_see_it_again() -> None:
    stored = writer().stored(finding())
    assert stored["victims"] == 3
    assert (stored["seq"], stored["phase"], stored["status"], stored["lost"]) == (41, "steady", 200, None)
    assert stored["evidence"]["wrong"] == ['{"id":17,"name":"Nemo","keeper":"tenant-17"}']
    assert stored["reproduce"] == {
        "method": "GET",
        "url": "http://127.0.0.1:3000/pets?select=id,name,keeper&order=id",
        "headers": {"Accept": "application/json", "apikey": None},
        "body": None,
        "token": ["loadcheck", "token", "scenarios/pets.yaml", "keeper#3"],
    }


def test_claims_are_stored_and_secrets_are_not() -> None:
    text = json.dumps([writer().stored(finding()), writer().stored(finding(STATUS))])
    assert "tenant-3" in text
    assert TOKEN not in text
    assert SECRET not in text
    assert "Bearer" not in text


def test_a_lost_answer_and_a_nameless_source_are_stored_too() -> None:
    lost = Verdict(Ruling.VIOLATION, Symptom.MALFORMED, "the answer is not HTTP")
    made = finding(lost, first=exchange(5, request=1, identity=501, lost=Lost.PROTOCOL))
    stored = writer().stored(made)
    assert (stored["status"], stored["lost"], stored["source"]) == (None, "not HTTP", None)
    assert stored["vars"] == {"id": 6}
    assert finding_head(made, SCENARIO, population())["victim"]["identity"] == "expired"


def test_the_generator_counts_its_own_processor_time() -> None:
    generator = Generator()
    sum(range(3_000_000))
    figures = generator.figures()
    assert (figures["cpu_s"] or 0) > 0
    assert 5 < (figures["rss_max_mb"] or 0) < 100_000
